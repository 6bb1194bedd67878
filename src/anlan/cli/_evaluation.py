"""What ``anlan evaluate`` found, as tables for people and JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from anlan import __version__
from anlan.errors import ParameterError
from anlan.stats.counts import method_named
from anlan.stats.evaluation import (
    COMPARED,
    Comparison,
    Estimate,
    PairedSeries,
    Performance,
    Run,
    comparable_methods,
    compare_at_own_rates,
    run_method,
    simulate_noufaily,
)
from anlan.stats.evaluation.reference_run import reference_of
from anlan.texts import say

SHOWN = ("fpr", "pod", "pod_first_week", "delay", "ppv", "sensitivity")
#: The moving level of the correlated design.
CORRELATION, LEVEL_SD = 0.9, 0.25


@dataclass(frozen=True)
class Evaluated:
    """Runs of all methods on one simulation; ``comparisons`` are those of the candidate with each other one."""

    design: str
    seed: int
    series: PairedSeries
    runs: Sequence[Run]
    performances: Sequence[Performance]
    candidate: str
    comparisons: Sequence[Comparison]
    language: str

    def says(self, key: str, **values: object) -> str:
        return say(f"evaluation.{key}", self.language, **values)

    @property
    def has_reference(self) -> bool:
        """Whether the stored reference run is of this design and one of these methods."""
        return self.design == "noufaily" and any(reference_of(run.method) for run in self.runs)

    def title(self) -> str:
        return self.says("title", methods=len(self.runs), series=len(self.series.without))

    def account(self) -> list[str]:
        """How it was made, and what the numbers do not say."""
        return [
            self.says(f"design.{self.design}", seed=self.seed, version=__version__),
            self.says("definitions"),
            self.says("no_single_best"),
        ]

    def headings(self) -> list[str]:
        shown = [self.says(f"measure.{name}") for name in SHOWN]
        reference = [self.says("reference")] if self.has_reference else []
        return [self.says("method"), *shown, *reference, self.says("seconds")]

    def rows(self) -> list[list[str]]:
        found = []
        for run, performance in zip(self.runs, self.performances, strict=True):
            cells = [_cell(name, performance.estimate(name)) for name in SHOWN]
            if self.has_reference:
                stored = reference_of(run.method)
                cells.append(
                    "–" if stored is None else f"{stored.fpr:.1f} / {stored.pod:.1f} / {stored.ppv:.1f}"
                )
            found.append([run.method, *cells, f"{run.seconds:.1f}"])
        return found

    def comparison_title(self) -> str:
        return self.says("compare.title", candidate=self.candidate)

    def comparison_headings(self) -> list[str]:
        shown = [self.says("compare.difference", measure=self.says(f"measure.{name}")) for name in COMPARED]
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
        """Shares as shares (not per cent), delays in weeks, each with its 95 % interval."""
        return {
            "anlan": __version__,
            "design": self.design,
            "seed": self.seed,
            "series": len(self.series.without),
            "methods": [
                {
                    "method": run.method,
                    "parameters": dict(run.parameters),
                    "cpu_seconds": round(run.seconds, 3),
                    "measures": {name: _plain(performance.estimate(name)) for name in performance.ratios},
                }
                for run, performance in zip(self.runs, self.performances, strict=True)
            ],
            "candidate": self.candidate,
            "at_own_rate": [
                {
                    "other": item.other,
                    "rate": item.rate,
                    "difference": {name: _plain(item.difference[name]) for name in COMPARED},
                }
                for item in self.comparisons
            ],
        }

    def print(self, written: Path | None) -> None:
        """Tables on standard output, how they came about on standard error."""
        out, err = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
        for line in self.account():
            err.print(escape(line))
        out.print(f"[bold]{escape(self.title())}[/bold]")
        out.print(_table(self.headings(), self.rows()))
        if self.comparisons:
            out.print(f"[bold]{escape(self.comparison_title())}[/bold]")
            out.print(_table(self.comparison_headings(), self.comparison_rows()))
        if written is not None:
            err.print(escape(say("cli.detect.wrote", self.language, file=str(written))))


def names_of(given: str, candidate: str) -> list[str]:
    """The methods to run; ``all`` are those that need no setting of the user."""
    known = comparable_methods()
    method_named(candidate)
    if given.strip() == "all":
        return list(known)
    names = list(dict.fromkeys(part.strip() for part in given.split(",") if part.strip()))
    for name in names or [given]:
        method_named(name)
        if name not in known:
            values = {"name": name, "accepted": ", ".join(known)}
            raise ParameterError(
                say("evaluation.error.method", "en", **values), key="evaluation.error.method", values=values
            )
    return names


def evaluated(
    design: str, names: Sequence[str], replicates: int, seed: int, candidate: str, language: str
) -> Evaluated:
    """Simulate, run, measure, compare."""
    moving = {"level_correlation": CORRELATION, "level_sd": LEVEL_SD} if design != "noufaily" else {}
    series = simulate_noufaily(replicates, generator=np.random.default_rng(seed), **moving)
    runs = [run_method(name, series) for name in names]
    first = [run for run in runs if run.method == candidate]
    others = [run for run in runs if run.method != candidate]
    return Evaluated(
        design=design,
        seed=seed,
        series=series,
        runs=runs,
        performances=[run.performance(series) for run in runs],
        candidate=candidate,
        comparisons=compare_at_own_rates(first[0], others, series) if first else [],
        language=language,
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
