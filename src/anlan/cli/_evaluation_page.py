"""The report of ``anlan evaluate -o``: one HTML file, no script, nothing fetched, light, dark and print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anlan.charts import Line, LineData, escape, line_chart, style_sheet
from anlan.cli._evaluation import Evaluated
from anlan.cli._evaluation_budget import BudgetTold
from anlan.cli._page import _STYLE, _table
from anlan.stats.evaluation import DEFAULT_RATES, Estimate, PairedSeries, Run, delay_curve, roc

MOST_LINES = 6
RATE_OF_DELAYS = 0.01
_WEEKS = 6


def page(evaluated: Evaluated) -> str:
    """The whole file: what was run, the measures, the comparison, detection and delay curves with their tables."""
    parts = [
        f"<h1>{escape(evaluated.title())}</h1>",
        *(f'<p class="small">{escape(line)}</p>' for line in evaluated.account()),
    ]
    if evaluated.series is not None:
        parts += [
            f"<h2>{escape(evaluated.says('measures'))}</h2>",
            _table(evaluated.headings(), evaluated.rows(), _kinds(evaluated.headings())),
            *_reference(evaluated),
            *_comparison(evaluated),
            *_roc(evaluated, evaluated.series),
            *_delays(evaluated, evaluated.series),
        ]
    if evaluated.budget is not None:
        parts += _budget(evaluated.budget)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="{evaluated.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(evaluated.title())}</title>\n<style>{style_sheet(tokens=True) + _STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def _reference(evaluated: Evaluated) -> list[str]:
    if not evaluated.has_reference:
        return []
    headings = evaluated.reference_headings()
    return [
        f"<h2>{escape(evaluated.says('reference.title'))}</h2>",
        f'<p class="small">{escape(evaluated.says("reference.note"))}</p>',
        _table(headings, evaluated.reference_rows(), _kinds(headings)),
    ]


def _comparison(evaluated: Evaluated) -> list[str]:
    if not evaluated.comparisons:
        return []
    headings = evaluated.comparison_headings()
    return [
        f"<h2>{escape(evaluated.comparison_title())}</h2>",
        f'<p class="small">{escape(evaluated.says("compare.note"))}</p>',
        _table(headings, evaluated.comparison_rows(), _kinds(headings)),
    ]


def _drawn(evaluated: Evaluated) -> list[Run]:
    """The candidate and the methods with the fewest false alarms; scores that are only flags have no curve."""
    runs = [run for run in evaluated.runs if len(np.unique(run.scores.null[~np.isnan(run.scores.null)])) > 50]
    return sorted(runs, key=lambda run: (run.method != evaluated.candidate, run.rate))[:MOST_LINES]


def _roc(evaluated: Evaluated, series: PairedSeries) -> list[str]:
    periods = [f"{100 * rate:g} %" for rate in DEFAULT_RATES]
    curves = [
        (run.method, [point.performance.estimate("pod") for point in roc(run.scores, series)])
        for run in _drawn(evaluated)
    ]
    return _chart(evaluated, "roc", periods, curves)


def _delays(evaluated: Evaluated, series: PairedSeries) -> list[str]:
    periods = [evaluated.says(f"within.{evaluated.step}", n=week) for week in range(1, _WEEKS + 1)]
    curves = [
        (run.method, delay_curve(run.scores, series, RATE_OF_DELAYS, n_weeks=_WEEKS))
        for run in _drawn(evaluated)
    ]
    return _chart(evaluated, "delays", periods, curves)


def _budget(told: BudgetTold) -> list[str]:
    """Asked and obtained; on real series also the latest periods, and the latest one's list with what was held back."""
    parts = [
        f"<h2>{escape(told.title())}</h2>",
        *(f'<p class="small">{escape(line)}</p>' for line in told.notes()),
        _table(told.headings(), told.rows(), _kinds(told.headings())),
    ]
    if told.latest is not None:
        parts += [
            f"<h2>{escape(told.list_title())}</h2>",
            _table(told.list_headings(), told.list_rows(), ["n", "k", "n", "n", "n", "k"]),
            f"<h2>{escape(told.says('by_period'))}</h2>",
            _table(told.period_headings(), told.period_rows(), _kinds(told.period_headings())),
        ]
    return parts


def _chart(
    evaluated: Evaluated, key: str, periods: Sequence[str], curves: Sequence[tuple[str, list[Estimate]]]
) -> list[str]:
    """A chart with the table behind it."""
    if not curves:
        return []
    title = evaluated.says(f"{key}.title")
    data = LineData(
        periods=periods,
        lines=[Line(name=name, values=[100 * point.value for point in points]) for name, points in curves],
        title=title,
        unit=evaluated.says(f"{key}.unit"),
    )
    wide = line_chart(data, language=evaluated.language, width=960, height=320)
    narrow = line_chart(data, language=evaluated.language, width=360, height=300)
    headings = [evaluated.says("method"), *periods]
    rows = [
        [name, *(f"{100 * point.value:.1f} ± {100 * point.half_width:.1f}" for point in points)]
        for name, points in curves
    ]
    return [
        f"<h2>{escape(title)}</h2>",
        f'<section class="card"><div class="wide">{wide}</div><div class="narrow">{narrow}</div></section>',
        _table(headings, rows, _kinds(headings)),
    ]


def _kinds(headings: Sequence[str]) -> list[str]:
    return ["k"] + ["n"] * (len(headings) - 1)
