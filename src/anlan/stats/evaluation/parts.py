"""A design too large for one array: simulated, run and measured part by part, each part as a few dozen numbers.

The design of Bédubourg and Le Strat (2017) has 231,000 series. A part is 4,200 of them, balanced over all factors, with a
seed of its own; its figures are plain floats by name, which a caller can store and take up again. Parts are independent,
so intervals come from the spread between them, and the sampling error of the thresholds, which are set anew in each
part, is in these intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import special

from anlan.stats.evaluation.curves import Scores, at_rate
from anlan.stats.evaluation.measures import Estimate
from anlan.stats.evaluation.noufaily import simulate_noufaily
from anlan.stats.evaluation.paired import PairedSeries
from anlan.stats.evaluation.runs import COMPARED, Run, compare_at_own_rates, run_method

#: 55 parts of 42 scenarios x 100 are the 231,000 series of the published comparison.
WHOLE_DESIGN_PARTS = 55
REPLICATES_A_PART = 100
_EQUAL_RATE = 0.01


def measure_part(
    part: int,
    others: Sequence[str],
    *,
    seed: int = 2017,
    candidate: str = "anlan",
    replicates: int = REPLICATES_A_PART,
    run: Callable[[str, PairedSeries], Run] = run_method,
) -> dict[str, float]:
    """Simulate one part of the design, run the methods on it and return its figures.

    Parameters
    ----------
    part : int, from 0
        With ``seed`` the seed of the part.
    others : sequence of str
        Methods that the candidate is compared with, each at its own rate of false alarms.
    seed : int, default 2017
    candidate : str, default "anlan"
    replicates : int, default 100
        Series of each scenario; 50 or a multiple of it crosses both outbreak sizes fully.
    run : callable, default ``run_method``
        Runs a method by its name.

    Returns
    -------
    dict of str to float
        ``series``; ``rate/M`` and ``pod/M`` .. of each method at its own threshold; ``M/pod`` .. the candidate minus M at
        M's rate; ``M/scenario/1`` .. the same for POD at 1 % within each scenario; ``group/1`` .. and ``k_past/0`` .. rates
        of the candidate by stratum.
    """
    series = simulate_noufaily(replicates, generator=np.random.default_rng([seed, part]))
    ours = run(candidate, series)
    theirs = [run(name, series) for name in others]
    figures: dict[str, float] = {"series": float(len(series.without))}
    for made in (ours, *theirs):
        performance = made.performance(series)
        figures[f"rate/{made.method}"] = made.rate
        figures |= {f"{name}/{made.method}": performance.estimate(name).value for name in COMPARED}
    for found in compare_at_own_rates(ours, theirs, series):
        figures |= {f"{found.other}/{name}": found.difference[name].value for name in COMPARED}
    for label in ("group", "k_past"):
        for value in np.unique(series.labels[label]).tolist():
            chosen = series.labels[label] == value
            alarms, judged = ours.null_alarms[chosen], ours.null_judged[chosen]
            figures[f"{label}/{value}"] = float(alarms.sum() / max(int(judged.sum()), 1))
    for made in theirs:
        figures |= _by_scenario(ours, made, series)
    return figures


def _by_scenario(ours: Run, theirs: Run, series: PairedSeries) -> dict[str, float]:
    """Differences of detection at 1 % within each scenario, both methods on thresholds of their own."""
    found = {}
    for number in np.unique(series.labels["scenario"]).tolist():
        chosen = series.labels["scenario"] == number
        part = series.take(chosen)
        pods = [
            at_rate(Scores(run.scores.null[chosen], run.scores.outbreak[chosen]), part, _EQUAL_RATE)
            .performance.estimate("pod")
            .value
            for run in (ours, theirs)
        ]
        found[f"{theirs.method}/scenario/{number}"] = pods[0] - pods[1]
    return found


def pool_parts(parts: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Mean over parts of equal size, with the 95 % interval of Student's t from their spread.

    Only figures that every part has are pooled; ``series`` is left out. One part has no interval (NaN).
    """
    if not parts:
        return {}
    names = [name for name in parts[0] if name != "series" and all(name in part for part in parts)]
    n = len(parts)
    found = {}
    for name in names:
        values = np.array([part[name] for part in parts])
        mean = float(values.mean())
        half = float("nan")
        if n > 1:
            half = float(special.stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))
        found[name] = Estimate(mean, mean - half, mean + half)
    return found
