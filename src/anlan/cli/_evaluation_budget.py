"""What a budget of K signals a period would be: asked and obtained, what chance alone gives, and what it held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anlan.cli import _evaluation
from anlan.stats.counts.result import FloatArray
from anlan.stats.evaluation import Budget, alarm_budget, benjamini_hochberg
from anlan.texts import say

MOST_ROWS = 60
_LATEST = 12
FALSE_SHARE = 0.1
ALPHA = 0.01


@dataclass(frozen=True)
class BudgetTold:
    """A budget over the judged periods; ``periods`` and ``names`` are empty for simulated series."""

    asked: int
    method: str
    language: str
    p_values: FloatArray
    trailing: Budget
    exact: Budget
    periods: Sequence[str]
    names: Sequence[str]
    observed: FloatArray | None
    expected: FloatArray | None

    def says(self, key: str, **values: object) -> str:
        return say(f"evaluation.budget.{key}", self.language, **values)

    def title(self) -> str:
        return self.says("title", asked=self.asked, series=len(self.p_values), method=self.method)

    def headings(self) -> list[str]:
        return [
            self.says(name) for name in ("variant", "periods", "asked", "obtained", "chance", "held_back")
        ]

    def rows(self) -> list[list[str]]:
        """Both variants: mean a period, with the standard deviation of what was obtained."""
        found = []
        for name, budget in (("trailing", self.trailing), ("exact", self.exact)):
            there = ~np.isnan(budget.limit)
            cells = ["0", str(self.asked), "–", "–", "–"]
            if there.any():
                got = budget.obtained[there]
                cells = [
                    str(int(there.sum())),
                    str(self.asked),
                    f"{got.mean():.1f} ({got.std():.1f})",
                    f"{budget.expected_chance[there].mean():.1f}",
                    f"{budget.held_back[:, there].sum(axis=0).mean():.1f}",
                ]
            found.append([self.says(name), *cells])
        return found

    def notes(self) -> list[str]:
        """What the numbers do not say; the share of false findings that is displayed and not promised."""
        found = benjamini_hochberg(self.p_values, q=FALSE_SHARE).sum(axis=0)
        return [
            self.says("not_evidence"),
            self.says("false_share", q=f"{100 * FALSE_SHARE:g}", findings=f"{found.mean():.1f}"),
        ]

    def period_headings(self) -> list[str]:
        return [self.says(name) for name in ("period", "limit", "obtained_once", "chance", "held_back")]

    def period_rows(self) -> list[list[str]]:
        """The latest periods of the trailing variant, newest first; none for simulated series."""
        budget, rows = self.trailing, []
        for place in range(len(self.periods) - 1, max(len(self.periods) - 1 - _LATEST, -1), -1):
            known = not np.isnan(budget.limit[place])
            rows.append(
                [
                    self.periods[place],
                    f"{budget.limit[place]:.2g}" if known else "–",
                    f"{budget.obtained[place]:.0f}",
                    f"{budget.expected_chance[place]:.1f}" if known else "–",
                    str(int(budget.held_back[:, place].sum())),
                ]
            )
        return rows

    @property
    def latest(self) -> int | None:
        """The last period with a judged series; None for simulated ones."""
        there = np.flatnonzero((~np.isnan(self.p_values)).any(axis=0))
        return int(there[-1]) if len(there) and self.periods else None

    def list_title(self) -> str:
        place = self.latest
        return self.says("list", period=self.periods[place] if place is not None else "")

    def list_headings(self) -> list[str]:
        return [self.says(name) for name in ("rank", "name", "observed", "expected", "p_value", "passed")]

    def list_rows(self) -> list[list[str]]:
        """Signals of the latest period and what was held back, by rank; at least the first K."""
        place = self.latest
        if place is None or self.observed is None or self.expected is None:
            return []
        budget, rows = self.trailing, []
        rank = budget.rank[:, place]
        shown = (rank > 0) & (budget.signals[:, place] | budget.held_back[:, place] | (rank <= self.asked))
        for series in sorted(np.flatnonzero(shown).tolist(), key=lambda each: int(rank[each]))[:MOST_ROWS]:
            state = (
                "signal"
                if budget.signals[series, place]
                else "held"
                if budget.held_back[series, place]
                else "no"
            )
            expected = self.expected[series, place]
            rows.append(
                [
                    str(int(rank[series])),
                    self.names[series],
                    f"{self.observed[series, place]:g}",
                    "–" if np.isnan(expected) else f"{expected:.1f}",
                    f"{self.p_values[series, place]:.2g}",
                    self.says(f"state.{state}"),
                ]
            )
        return rows

    def to_json(self) -> dict[str, Any]:
        variants = {}
        for name, budget in (("trailing", self.trailing), ("exact", self.exact)):
            there = ~np.isnan(budget.limit)
            variants[name] = {
                "periods": int(there.sum()),
                "obtained": _mean(budget.obtained[there]),
                "obtained_sd": float(budget.obtained[there].std()) if there.any() else None,
                "expected_by_chance": _mean(budget.expected_chance[there]),
                "held_back": _mean(budget.held_back[:, there].sum(axis=0).astype(np.float64)),
            }
        listed = [
            dict(zip(("rank", "series", "observed", "expected", "p_value"), row, strict=False))
            for row in self.list_rows()
        ]
        place = self.latest
        return {
            "method": self.method,
            "asked": self.asked,
            **variants,
            "latest_period": None if place is None else self.periods[place],
            "latest": listed,
        }


def told(
    p_values: FloatArray,
    *,
    asked: int,
    method: str,
    language: str,
    periods: Sequence[str] = (),
    names: Sequence[str] = (),
    observed: FloatArray | None = None,
    expected: FloatArray | None = None,
) -> BudgetTold:
    """Both variants of the budget; a method without p-values is refused."""
    if np.isnan(p_values).all():
        raise _evaluation.refused("budget_p", method=method)
    trailing = alarm_budget(p_values, signals_a_week=asked, alpha=ALPHA)
    exact = alarm_budget(p_values, signals_a_week=asked, exact=True, alpha=ALPHA)
    return BudgetTold(asked, method, language, p_values, trailing, exact, periods, names, observed, expected)


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None
