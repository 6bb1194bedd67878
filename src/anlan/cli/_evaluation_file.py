"""``anlan evaluate FILE``: outbreaks of known size put into anyone's series, and a replay of an alarm budget on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anlan import __version__
from anlan.cli import _evaluation, _evaluation_budget
from anlan.cli._files import TableFile
from anlan.cli._report import series_name
from anlan.frames import SeriesGrid, period_label, read_series
from anlan.frames.times import period_dates
from anlan.stats.counts import method_named
from anlan.stats.evaluation import PairedSeries, inject_outbreaks
from anlan.stats.evaluation.runs import benchmark_parameters
from anlan.texts import say

TWO_YEARS = {"day": 730, "week": 104, "month": 24}


@dataclass(frozen=True)
class Injection:
    """What is put in: mean size in standard deviations or in cases, and where. Both None: nothing."""

    size_sd: float | None
    size_cases: float | None
    spread: float
    repeats: int
    last: int | None

    @property
    def wanted(self) -> bool:
        return self.size_sd is not None or self.size_cases is not None

    def check(self, design: str | None, time: object, value: object, budget: int | None) -> None:
        """Refuse options that do not go together, before the file is read."""
        if design is not None:
            raise _evaluation.refused("file_design")
        if not (time and value):
            raise _evaluation.refused("file_columns")
        if self.size_sd is not None and self.size_cases is not None:
            raise _evaluation.refused("inject_twice")
        if not self.wanted and budget is None:
            raise _evaluation.refused("file_without")
        for option, given in (
            ("--inject", self.size_sd),
            ("--inject-cases", self.size_cases),
            ("--spread", self.spread),
        ):
            if given is not None and not 0 < given < float("inf"):
                raise _evaluation.refused("positive", option=option, given=given)

    def words(self, language: str) -> str:
        if self.size_sd is not None:
            return say("evaluation.size.sd", language, size=f"{self.size_sd:g}")
        return say("evaluation.size.cases", language, size=f"{self.size_cases or 0:g}")


def grid_of(
    table: TableFile, time: Sequence[str], value: str, by: Sequence[str] | None, **options: Any
) -> SeriesGrid:
    """The checked series of a file of counts."""
    return read_series(
        table.frame,
        time=time[0] if len(time) == 1 else list(time),
        value=value,
        by=by,
        counts=True,
        first_row=table.first_row,
        **options,
    )


def on_file(
    wanted: _evaluation.Wanted, name: str, grid: SeriesGrid, injection: Injection
) -> _evaluation.Evaluated:
    """Inject, run, measure, compare; and replay the budget on the series as they are."""
    n_times = grid.values.shape[1]
    tested = TWO_YEARS[grid.step] if injection.last is None else injection.last
    if tested >= n_times:
        raise _evaluation.refused("short", file=name, periods=n_times, last=tested)
    if injection.size_sd is not None and grid.step == "day":
        raise _evaluation.refused("inject_days")
    dates = period_dates(grid.step, grid.ordinals)
    names = wanted.names(grid.step)
    series: PairedSeries | None = None
    if injection.wanted:
        series = inject_outbreaks(
            grid.values,
            size_sd=injection.size_sd,
            size_cases=injection.size_cases,
            first_tested=n_times - tested,
            generator=np.random.default_rng(wanted.seed),
            dates=dates,
            repeats=injection.repeats,
            median_periods=injection.spread,
        )
    told = None if wanted.budget is None else _replay(wanted, grid, tested)
    labels = grid.labels()
    made: dict[str, object] = {
        "file": name,
        "series": len(grid.values),
        "first": labels[0],
        "last": labels[-1],
        "tested": tested,
        "seed": wanted.seed,
        "version": __version__,
        "repeats": injection.repeats,
        "size": injection.words(wanted.language) if injection.wanted else "",
    }
    design = "file" if injection.wanted else "replay"
    return _evaluation.evaluated(wanted, design, made, series, names, grid.step, told)


def _replay(wanted: _evaluation.Wanted, grid: SeriesGrid, tested: int) -> _evaluation_budget.BudgetTold:
    """The budget on the real series, over the periods that are judged."""
    method = method_named(wanted.candidate)
    given = benchmark_parameters(method, dated=True) | wanted.settings(method.name)
    dates = period_dates(grid.step, grid.ordinals)
    found = method.run(grid.values, dates=dates, evaluate=slice(-tested, None), **given)
    whole, keys = say("cli.page.whole", wanted.language), grid.keys()
    return _evaluation_budget.told(
        found.p_value,
        asked=wanted.budget or 1,
        method=method.name,
        language=wanted.language,
        periods=[period_label(grid.step, ordinal) for ordinal in grid.ordinals[-tested:].tolist()],
        names=[series_name(key, whole) for key in keys],
        observed=found.observed,
        expected=found.expected,
    )
