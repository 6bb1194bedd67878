"""What ``anlan evaluate`` found, as tables for people and JSON for programs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from anlan import __version__
from anlan.cli.detect import parse_call
from anlan.errors import ParameterError
from anlan.stats.counts import method_named
from anlan.stats.counts.methods import METHODS, REQUIRED
from anlan.stats.evaluation import (
    COMPARED,
    Comparison,
    Estimate,
    PairedSeries,
    Performance,
    Run,
    compare_at_own_rates,
    run_method,
    simulate_noufaily,
)
from anlan.stats.evaluation.reference_run import (
    NAMES,
    PUBLISHED_RANGES,
    REFERENCE_SERIES,
    REFERENCE_SETTINGS,
    ReferenceRow,
    reference_of,
)
from anlan.stats.evaluation.runs import benchmark_parameters
from anlan.texts import say

if TYPE_CHECKING:
    from anlan.cli._evaluation_budget import BudgetTold

SHOWN = ("fpr", "pod", "pod_first_week", "delay", "ppv", "sensitivity")
#: The moving level of the correlated design.
CORRELATION, LEVEL_SD = 0.9, 0.25
_MOSTLY = 0.95


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line, whatever the series."""

    methods: str
    candidate: str
    parameters: tuple[str, ...]
    seed: int
    budget: int | None
    language: str

    @cached_property
    def given(self) -> dict[str, dict[str, Any]]:
        """Parameters by method."""
        found: dict[str, dict[str, Any]] = {}
        for text in self.parameters:
            name, settings = parse_call(text)
            method = method_named(name)
            for parameter in settings:
                method.parameter(parameter)
            found.setdefault(name, {}).update(settings)
        return found

    def settings(self, name: str) -> dict[str, Any]:
        return self.given.get(name, {})

    def names(self, step: str, *, simulated: bool = False) -> list[str]:
        """The methods to run, the candidate among them.

        ``all`` are those that need no setting of the user, ``reference`` the 21 of the stored run under their names there.
        """
        method_named(self.candidate)
        if simulated and self.methods.strip() == "reference":
            return list(dict.fromkeys([*REFERENCE_SETTINGS, self.candidate]))
        known = [name for name in METHODS if self._usable(name, step)]
        if self.methods.strip() == "all":
            names = known
        else:
            parts = [part.strip() for part in self.methods.split(",")]
            names = list(dict.fromkeys(part for part in parts if part)) or [self.methods]
        for name in (*names, self.candidate):
            method_named(name)
            if name not in known:
                raise refused("method", name=name, accepted=", ".join(known), step=step)
        return names if self.candidate in names else [*names, self.candidate]

    def _usable(self, name: str, step: str) -> bool:
        method = METHODS[name]
        missing = [item for item in method.parameters if item.default is REQUIRED]
        return step in method.steps and all(item.name in self.settings(name) for item in missing)


@dataclass(frozen=True)
class Evaluated:
    """Runs of all methods on one set of series; ``comparisons`` are those of the candidate with each other one.

    ``made`` fills the sentence about the design. Without ``series`` there is only a budget.
    """

    design: str
    made: Mapping[str, object]
    seed: int
    step: str
    series: PairedSeries | None
    runs: Sequence[Run]
    performances: Sequence[Performance]
    candidate: str
    comparisons: Sequence[Comparison]
    language: str
    budget: BudgetTold | None = None

    def says(self, key: str, **values: object) -> str:
        return say(f"evaluation.{key}", self.language, **values)

    @property
    def n_series(self) -> int:
        return 0 if self.series is None else len(self.series.without)

    @property
    def has_reference(self) -> bool:
        """Whether the stored reference run is of this design and one of these methods."""
        return self.design == "noufaily" and any(reference_of(run.method) for run in self.runs)

    def title(self) -> str:
        if self.series is None:
            return self.says("title.replay", **self.made)
        key = "title.file" if self.design == "file" else "title"
        return self.says(key, methods=len(self.runs), series=self.n_series, file=self.made.get("file", ""))

    def account(self) -> list[str]:
        """How it was made, and what the numbers do not say."""
        said = [self.says(f"design.{self.design}", **self.made)]
        if self.series is None:
            return said
        said += [self.says("definitions"), self.says("no_single_best")]
        shares = [(run.method, float(run.null_judged.mean())) for run in self.runs]
        partly = [f"{name} {100 * share:.0f} %" for name, share in shares if share < _MOSTLY]
        if partly:
            said.append(self.says("judged", methods=", ".join(partly)))
        compared = {item.other for item in self.comparisons}
        left = [run.method for run in self.runs if run.method not in (*compared, self.candidate)]
        if left:
            said.append(self.says("compare.left_out", methods=", ".join(left)))
        return said

    def measure_name(self, name: str) -> str:
        return self.says(f"measure.delay.{self.step}" if name == "delay" else f"measure.{name}")

    def headings(self) -> list[str]:
        return [self.says("method"), *(self.measure_name(name) for name in SHOWN), self.says("seconds")]

    def rows(self) -> list[list[str]]:
        return [
            [run.method, *(_cell(name, found.estimate(name)) for name in SHOWN), f"{run.seconds:.1f}"]
            for run, found in zip(self.runs, self.performances, strict=True)
        ]

    def reference_headings(self) -> list[str]:
        names = [self.says(f"measure.{name}") for name in PUBLISHED_RANGES]
        there = self.says("reference")
        return [self.says("method"), *(cell for name in names for cell in (name, there))]

    def reference_rows(self) -> list[list[str]]:
        """Here and in the stored run, method by method; then the range over methods here and as published."""
        found = []
        for run, performance in zip(self.runs, self.performances, strict=True):
            stored = reference_of(run.method)
            if stored is not None:
                here = {name: _cell(name, performance.estimate(name)) for name in PUBLISHED_RANGES}
                there = {
                    "fpr": f"{stored.fpr:.2f}",
                    "pod": _stored_detection(stored),
                    "ppv": f"{stored.ppv:.1f}",
                }
                found.append([run.method, *(cell for name in here for cell in (here[name], there[name]))])
        for key, of_methods in (("range.here", 0), ("range.published", 1)):
            cells = []
            for name, (low, high) in PUBLISHED_RANGES.items():
                values = [performance.estimate(name).value for performance in self.performances]
                pair = ["–", "–"]
                pair[of_methods] = f"{low:g}–{high:g}" if of_methods else _range(values)
                cells += pair
            found.append([self.says(key), *cells])
        return found

    def comparison_title(self) -> str:
        return self.says("compare.title", candidate=self.candidate)

    def comparison_headings(self) -> list[str]:
        shown = [self.says("compare.difference", measure=self.measure_name(name)) for name in COMPARED]
        return [self.says("compare.other"), self.says("compare.rate"), *shown]

    def comparison_rows(self) -> list[list[str]]:
        return [
            [
                item.other,
                f"{100 * item.rate:.2f}",
                *(_cell(name, item.difference[name], signed=True) for name in COMPARED),
            ]
            for item in self.comparisons
        ]

    def to_json(self) -> dict[str, Any]:
        """Shares as shares (not per cent), delays in periods, each with its 95 % interval."""
        return {
            "anlan": __version__,
            "design": self.design,
            **({"made": dict(self.made)} if self.design in ("file", "replay") else {}),
            "seed": self.seed,
            "series": self.n_series,
            "methods": [
                {
                    "method": run.method,
                    "parameters": dict(run.parameters),
                    "cpu_seconds": round(run.seconds, 3),
                    "measures": {name: _plain(performance.estimate(name)) for name in performance.ratios},
                    "reference_run": _reference_json(run.method) if self.has_reference else None,
                }
                for run, performance in zip(self.runs, self.performances, strict=True)
            ],
            "published_ranges": {
                name: [round(low / 100, 6), round(high / 100, 6)]
                for name, (low, high) in PUBLISHED_RANGES.items()
            }
            if self.has_reference
            else None,
            "candidate": self.candidate,
            "at_own_rate": [
                {
                    "other": item.other,
                    "rate": item.rate,
                    "difference": {name: _plain(item.difference[name]) for name in COMPARED},
                }
                for item in self.comparisons
            ],
            "budget": None if self.budget is None else self.budget.to_json(),
        }

    def print(self, written: Path | None) -> None:
        """Tables on standard output, how they came about on standard error."""
        out, err = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
        for line in self.account():
            err.print(escape(line))
        out.print(f"[bold]{escape(self.title())}[/bold]")
        if self.runs:
            out.print(_table(self.headings(), self.rows()))
        if self.has_reference:
            out.print(f"[bold]{escape(self.says('reference.title'))}[/bold]")
            out.print(_table(self.reference_headings(), self.reference_rows()))
        if self.comparisons:
            out.print(f"[bold]{escape(self.comparison_title())}[/bold]")
            out.print(_table(self.comparison_headings(), self.comparison_rows()))
        if self.budget is not None:
            out.print(f"[bold]{escape(self.budget.title())}[/bold]")
            out.print(_table(self.budget.headings(), self.budget.rows()))
            for line in self.budget.notes():
                err.print(escape(line))
            if self.budget.latest is not None:
                out.print(f"[bold]{escape(self.budget.list_title())}[/bold]")
                out.print(_table(self.budget.list_headings(), self.budget.list_rows()))
        if written is not None:
            err.print(escape(say("cli.detect.wrote", self.language, file=str(written))))


def refused(key: str, **values: object) -> ParameterError:
    """A ``ParameterError`` with a text of ``evaluation.error``."""
    key = f"evaluation.error.{key}"
    return ParameterError(say(key, "en", **values), key=key, values=values)


def design_of(given: str | None, known: Sequence[str]) -> str:
    """The simulated design; the first one when none was named."""
    if given is not None and given not in known:
        raise refused("design", given=given, accepted=", ".join(known))
    return given or known[0]


def refuse_without_file(given: Mapping[str, object]) -> None:
    """Options that say something about a file make no sense without one."""
    for option, value in given.items():
        if value is not None:
            raise refused("needs_file", option=option)


def on_simulation(wanted: Wanted, design: str, replicates: int) -> Evaluated:
    """Simulate, run, measure, compare; the budget is that of the runs with outbreaks."""
    from anlan.cli import _evaluation_budget

    names = wanted.names("week", simulated=True)
    moving = {"level_correlation": CORRELATION, "level_sd": LEVEL_SD} if design != "noufaily" else {}
    series = simulate_noufaily(replicates, generator=np.random.default_rng(wanted.seed), **moving)
    made = {"seed": wanted.seed, "version": __version__}
    found = evaluated(wanted, design, made, series, names, "week")
    if wanted.budget is None:
        return found
    [run] = [run for run in found.runs if run.method == wanted.candidate]
    if not run.has_p_values:
        raise refused("budget_p", method=run.method)
    told = _evaluation_budget.told(
        10.0**-run.scores.outbreak, asked=wanted.budget, method=run.method, language=wanted.language
    )
    return replace(found, budget=told)


def evaluated(
    wanted: Wanted, design: str, made: Mapping[str, object], series: PairedSeries | None, names: Sequence[str],
    step: str, budget: BudgetTold | None = None,
) -> Evaluated:  # fmt: skip
    """Run the methods on the series, measure and compare."""
    runs = [] if series is None else _runs(names, series, wanted)
    first = [run for run in runs if run.method == wanted.candidate]
    others = [run for run in runs if run.method != wanted.candidate]
    compared = compare_at_own_rates(first[0], others, series) if first and series is not None else []
    return Evaluated(
        design=design,
        made=made,
        seed=wanted.seed,
        step=step,
        series=series,
        runs=runs,
        performances=[run.performance(series) for run in runs if series is not None],
        candidate=wanted.candidate,
        comparisons=compared,
        language=wanted.language,
        budget=budget,
    )


def _runs(names: Sequence[str], series: PairedSeries, wanted: Wanted) -> list[Run]:
    """Some methods take minutes, so a person at a terminal is told which one runs."""
    found = []
    for place, name in enumerate(names, 1):
        if sys.stderr.isatty():
            said = say("evaluation.running", wanted.language, name=name, place=place, total=len(names))
            sys.stderr.write(said + "\n")
        method, defaults = _settings(name, dated=series.dates is not None)
        run = run_method(method, series, defaults | wanted.settings(name))
        found.append(replace(run, method=name))
    return found


def _settings(name: str, *, dated: bool) -> tuple[str, dict[str, Any]]:
    """Name in the table and parameters: on simulated series those of the stored run where it has the method."""
    stored = REFERENCE_SETTINGS.get(NAMES.get(name, name))
    if stored is not None and not dated:
        return stored[0], dict(stored[1])
    return name, benchmark_parameters(method_named(name), dated=dated)


def _range(values: Iterable[float]) -> str:
    known = [100 * value for value in values if not math.isnan(value)]
    return f"{min(known):.1f}–{max(known):.1f}" if known else "–"


def _stored_detection(stored: ReferenceRow) -> str:
    """With the interval of a share of the stored run's series."""
    half = 1.96 * math.sqrt(stored.pod * (100 - stored.pod) / REFERENCE_SERIES)
    return f"{stored.pod:.1f} ± {half:.1f}"


def _reference_json(method: str) -> dict[str, float] | None:
    stored = reference_of(method)
    return (
        None if stored is None else {name: round(value / 100, 6) for name, value in stored._asdict().items()}
    )


def _cell(name: str, estimate: Estimate, *, signed: bool = False) -> str:
    """Value and half-width of its 95 % interval: per cent, delays in weeks."""
    if math.isnan(estimate.value):
        return "–"
    scale, digits = (1, 2) if name == "delay" else (100, 2 if name == "fpr" else 1)
    sign = "+" if signed else ""
    half = "" if math.isnan(estimate.half_width) else f" ± {scale * estimate.half_width:.{digits}f}"
    return f"{scale * estimate.value:{sign}.{digits}f}{half}"


def _plain(estimate: Estimate) -> dict[str, float | None]:
    return {
        name: None if math.isnan(value) else value
        for name, value in (("value", estimate.value), ("low", estimate.low), ("high", estimate.high))
    }


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(escape(heading), justify="right" if place else "left", no_wrap=place == 0)
    for row in rows:
        table.add_row(*map(escape, row))
    return table
