"""What a question may see: areas × domains × sensitivity × purpose, applied in SQL.

Areas are paths (``CN/420000/421200/421221/``), so that "this city and all in it" is one prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

__all__ = ["NOTHING", "Scope"]

PUBLIC, INTERNAL, RESTRICTED, PERSONAL = 0, 1, 2, 3


@dataclass(frozen=True)
class Scope:
    """Limits of one reader for one purpose.

    Parameters
    ----------
    areas : tuple of str or None
        Area path prefixes, each ending in ``/``; None means all areas, an empty tuple none.
    domains : tuple of str or None
        Domain codes (a pack's id); None means all.
    sensitivity : int
        Highest sensitivity seen: 0 public, 1 internal, 2 restricted, 3 personal. -1 sees nothing.
    purpose : str
        Why it is asked; kept in the log of reading where personal values are opened.
    """

    areas: tuple[str, ...] | None
    domains: tuple[str, ...] | None
    sensitivity: int
    purpose: str

    @classmethod
    def everything(cls, purpose: str) -> Scope:
        """The system's own scope: no limit. Only flows, jobs and the command line of the operator use it."""
        return cls(None, None, PERSONAL, purpose)

    def sees(self, *, area_path: str | None = None, domain: str | None = None, sensitivity: int = 0) -> bool:
        """The same rule in Python, for an object that is already in hand."""
        if sensitivity > self.sensitivity:
            return False
        if self.domains is not None and domain is not None and domain not in self.domains:
            return False
        if self.areas is None or area_path is None:
            return True
        return any(area_path.startswith(prefix) for prefix in self.areas)

    def where(
        self,
        *,
        area_path: sa.ColumnElement[str] | None = None,
        domain: sa.ColumnElement[str] | None = None,
        sensitivity: sa.ColumnElement[int] | None = None,
    ) -> sa.ColumnElement[bool]:
        """The SQL condition for the columns that the query has. At least sensitivity -1 closes everything."""
        conditions: list[sa.ColumnElement[bool]] = []
        if self.sensitivity < 0:
            conditions.append(sa.false())
        if sensitivity is not None:
            conditions.append(sensitivity <= self.sensitivity)
        if domain is not None and self.domains is not None:
            conditions.append(domain.in_(self.domains))
        if area_path is not None and self.areas is not None:
            conditions.append(
                sa.or_(sa.false(), *(area_path.startswith(prefix, autoescape=True) for prefix in self.areas))
            )
        return sa.and_(sa.true(), *conditions)


NOTHING = Scope((), (), -1, "nothing")
