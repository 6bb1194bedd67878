"""People and what they may see and do. A person's grants always form one scope, so that nothing leaks by adding up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import sqlalchemy as sa

from anlan.errors import InputError, NotFoundError
from anlan.registry import tables
from anlan.registry.actions import check_unchanged, current_rows, plain_row
from anlan.registry.types import ROLES, RoleGrant
from anlan.store import NOTHING, Scope, Tx, latest, new_public_id

__all__ = ["add_person", "grant", "retire_person", "roles_of", "scope_of"]

_NOW = 2**62
_MOST_SENSITIVE = 3


def add_person(
    tx: Tx, names: Mapping[str, str], grants: Iterable[RoleGrant] = (), *, organisation_id: str = ""
) -> str:
    """Add somebody who works here; returns the public id. The journal keeps the id, never the name."""
    if not set(names) <= {"zh", "en"} or not any(names.values()):
        raise InputError("a person has a name in zh, en or both", key="registry.names")
    given = _checked(grants)
    public_id = new_public_id()
    person = {
        "public_id": public_id,
        "names": dict(names),
        "organisation_id": organisation_id,
        "retired": False,
    }
    tx.insert(tables.person, person)
    tx.insert(tables.grant, {"person_id": public_id, "roles": given})
    tx.event("person.added", subject=("person", public_id), data={"roles": given})
    return public_id


def grant(tx: Tx, person_id: str, grants: Iterable[RoleGrant], *, expected_seq: int | None = None) -> None:
    """Set all grants of a person, in place of those before.

    Raises
    ------
    NotFoundError, ConflictError, InputError
        Unknown person; changed since ``expected_seq`` (of the grants); grants that do not form one scope.
    """
    given = _checked(grants)
    if not any(row.public_id == person_id for row in current_rows(tx, tables.person)):
        raise NotFoundError("no such person", key="person.unknown", values={"person": person_id})
    row = next((row for row in current_rows(tx, tables.grant) if row.person_id == person_id), None)
    if expected_seq is not None:
        check_unchanged(row, "person", person_id, expected_seq)
    tx.insert(tables.grant, {"person_id": person_id, "roles": given})
    tx.event("person.granted", subject=("person", person_id), data={"roles": given})


def retire_person(tx: Tx, person_id: str, *, expected_seq: int) -> None:
    """Somebody no longer works here: no sign-in, no scope; what they did stays as it is."""
    found = next((row for row in current_rows(tx, tables.person) if row.public_id == person_id), None)
    row = check_unchanged(found, "person", person_id, expected_seq)
    tx.insert(tables.person, {**plain_row(row), "retired": True})
    tx.connection.execute(tables.session.delete().where(tables.session.c.person_id == person_id))
    tx.event("person.retired", subject=("person", person_id))


def scope_of(connection: sa.Connection, person_id: str, purpose: str) -> Scope:
    """What a person may see now, for a purpose; nothing for the unknown, the retired and those without a grant."""
    grants = roles_of(connection, person_id)
    if not grants:
        return NOTHING
    areas = {given.area_path for given in grants}
    domains = {given.domain for given in grants}
    return Scope(
        None if "" in areas else tuple(sorted(areas)),
        None if None in domains else tuple(sorted(domain for domain in domains if domain is not None)),
        max(given.sensitivity for given in grants),
        purpose,
    )


def roles_of(connection: sa.Connection, person_id: str) -> tuple[RoleGrant, ...]:
    """The grants of a person now; none for the unknown and the retired."""
    now, given = latest(tables.person, _NOW), latest(tables.grant, _NOW)
    roles = connection.execute(
        sa.select(given.c.roles)
        .join(now, now.c.public_id == given.c.person_id)
        .where(given.c.person_id == person_id, sa.not_(now.c.retired))
    ).scalar_one_or_none()
    return tuple(RoleGrant(**entry) for entry in roles or ())


def _checked(grants: Iterable[RoleGrant]) -> list[dict[str, object]]:
    given = list(dict.fromkeys(grants))
    for entry in given:
        if entry.role not in ROLES:
            raise InputError(
                f"role must be one of {', '.join(ROLES)}. Got {entry.role!r}.",
                key="grant.role",
                values={"role": entry.role, "accepted": ", ".join(ROLES)},
            )
        if not 0 <= entry.sensitivity <= _MOST_SENSITIVE or (
            entry.area_path and not entry.area_path.endswith("/")
        ):
            raise InputError(
                f"a grant has an area path that ends in '/' (or is empty) and a sensitivity of 0 to 3. Got {entry}.",
                key="grant.form",
            )
    if not _is_one_scope(given):
        raise InputError(
            "the grants of one person must form one scope: the same domains and sensitivity in every area",
            key="grant.not_one_scope",
        )
    return [asdict(entry) for entry in given]


def _is_one_scope(grants: Sequence[RoleGrant]) -> bool:
    """Whether areas × domains × sensitivity of the grants is exactly what they allow one by one.

    Otherwise somebody with water in one county and disease in another would see both in both.
    """
    if len({entry.sensitivity for entry in grants}) > 1:
        return False
    pairs = {(entry.area_path, entry.domain) for entry in grants}
    areas, domains = {area for area, _ in pairs}, {domain for _, domain in pairs}
    return pairs == {(area, domain) for area in areas for domain in domains}
