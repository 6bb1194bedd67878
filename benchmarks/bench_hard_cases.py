"""The anlan detector where it is hard: slow outbreaks, a wandering level, winter epidemics, real series.

Slow outbreaks and real series are compared with their thresholds set for the same rate of false alarms (1 %); real series
get outbreaks of 4, 6 and 8 standard deviations, and keep their own, so that "false" alarms are partly true. Budgets of
5, 20 and 50 signals a week are replayed on the real series together.

Run: ``nice -n 19 python benchmarks/bench_hard_cases.py --series 4200 --real FOLDER``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from anlan import datasets  # noqa: E402
from anlan.frames import SeriesGrid, read_series  # noqa: E402
from anlan.frames.times import period_dates  # noqa: E402
from anlan.stats.counts import METHODS, anlan_detector  # noqa: E402
from anlan.stats.counts.result import FloatArray  # noqa: E402
from anlan.stats.evaluation import (  # noqa: E402
    COMPARED,
    Estimate,
    PairedSeries,
    Scores,
    alarm_budget,
    at_rate,
    benjamini_hochberg,
    compare_at_own_rates,
    inject_outbreaks,
    run_method,
    simulate_noufaily,
)
from anlan.stats.evaluation.runs import benchmark_parameters  # noqa: E402

RATE = 0.01
SIZES = (4.0, 6.0, 8.0)
BUDGETS = (5, 20, 50)
COPIES = 300  # of the series of one file, about
LEAST_SERIES = 8


def said(name: str, estimate: Estimate, *, sign: bool = False) -> str:
    scale, digits = (1, 2) if name == "delay" else (100, 1)
    plus = "+" if sign else ""
    return f"{scale * estimate.value:{plus}.{digits}f} ± {scale * estimate.half_width:.{digits}f}"


def at_one_rate(scored: dict[str, Scores], series: PairedSeries) -> None:
    """A table of methods at 1 %; differences are the first minus each other one."""
    print("| score, at 1 % | POD % | P1 % | delay, weeks | PPV % | first minus this: POD | PPV |")
    print("|---|---|---|---|---|---|---|")
    base = None
    for name, scores in scored.items():
        found = at_rate(scores, series, RATE).performance
        base = found if base is None else base
        cells = [said(what, found.estimate(what)) for what in COMPARED]
        cells += [said(what, base.difference(found, what), sign=True) for what in ("pod", "ppv")]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def slow_outbreaks(seed: int, replicates: int, title: str, **moving: float) -> None:
    """Outbreaks whose cases come with a median of 4 instead of 1 week: what the slow indicator adds."""
    series = simulate_noufaily(replicates, generator=np.random.default_rng(seed), median_weeks=4.0, **moving)
    null = anlan_detector(series.without, frequency=52, evaluate=series.tested, slow=True)
    found = anlan_detector(series.with_outbreak, frequency=52, evaluate=series.tested, slow=True)
    scored = {
        "anlan": Scores(-np.log10(null.p_value), -np.log10(found.p_value)),
        "anlan, slow indicator": Scores(null.extra["slow_score"], found.extra["slow_score"]),
    }
    for name in ("farrington_flexible", "cdc"):
        scored[name] = run_method(name, series).scores
    duration = float(np.median(series.last_week - series.first_week + 1))
    print(
        f"\n### Slow outbreaks, {title}: {len(series.without)} series, seed {seed}, median duration {duration:.0f} weeks\n"
    )
    at_one_rate(scored, series)
    for name, strength in (("anlan", null.alarm), ("slow indicator", null.extra["slow_alarm"])):
        print(
            f"\n{name} at its nominal limit (1 %): {100 * strength.mean():.2f} % of null weeks.", flush=True
        )


def epidemic_counts(seed: int, n_series: int) -> FloatArray:
    """Twelve years of winter epidemics that come early or late and high or low, as influenza does."""
    generator = np.random.default_rng(seed)
    week = np.arange(52 * 12)
    log_mean = np.full((n_series, len(week)), np.log(2.0))
    for year in range(12):
        peak = 52 * year + 26 + generator.normal(0, 3, (n_series, 1))
        height = generator.normal(3.0, 0.5, (n_series, 1))
        log_mean += height * np.exp(-((week - peak) ** 2) / (2 * 4.0**2))
    counts: FloatArray = generator.negative_binomial(np.exp(log_mean), 0.5).astype(np.float64)
    return counts


def epidemics(seed: int, n_series: int) -> None:
    """Alarm rates at nominal 1 % on such series, by season, and outbreaks of 6 standard deviations in them."""
    counts = epidemic_counts(seed, n_series)
    print(f"\n### Influenza-like epidemics: {n_series} series, last two years, seed {seed}\n")
    print(
        "| method, nominal 1 % | weeks with an alarm % | within 12 weeks of mid-winter % | other weeks % |\n|---|---|---|---|"
    )
    season = np.abs(np.arange(104) % 52 - 26) <= 12
    for name in ("anlan", "farrington_flexible", "periodic_nb"):
        given = benchmark_parameters(METHODS[name])
        alarm = METHODS[name].run(counts, evaluate=slice(-104, None), **given).alarm
        rates = [100 * part.mean() for part in (alarm, alarm[:, season], alarm[:, ~season])]
        print(f"| {name} | {' | '.join(f'{rate:.2f}' for rate in rates)} |", flush=True)
    series = inject_outbreaks(
        counts, size_sd=6.0, first_tested=520, generator=np.random.default_rng(seed + 1), frequency=52
    )
    print("\nThe same with an outbreak of 6 standard deviations in each:\n")
    at_one_rate(
        {name: run_method(name, series).scores for name in ("anlan", "farrington_flexible", "periodic_nb")},
        series,
    )


def real_grids(folder: Path) -> dict[str, SeriesGrid]:
    """Weekly files of ``folder`` with seven years and eight series or more, and the national months before 2020."""
    grids = {}
    for path in sorted(folder.glob("*_weekly.csv")):
        frame = pl.read_csv(path, null_values="NA")
        if set(frame.columns) != {"year", "week", "unit", "count"}:
            continue
        grid = read_series(frame, time=["year", "week"], value="count", by="unit")
        if grid.values.shape[1] >= 7 * 52 and len(grid.values) >= LEAST_SERIES:
            grids[path.stem.removesuffix("_weekly")] = grid
    months = pl.DataFrame(list(datasets.cn_notifiable_monthly().rows())).filter(
        (pl.col("month") < "2020-01") & (pl.col("source") != "") & (pl.col("cases") != "")
    )
    months = months.unique(["disease", "month"], keep="first", maintain_order=True)
    months = months.with_columns(pl.col("cases").cast(pl.Float64))
    grid = read_series(months, time="month", value="cases", by="disease", unordered="sort")
    return grids | {"cn_notifiable (months 2010-2019)": grid}


def real_series(grids: dict[str, SeriesGrid], seed: int) -> None:
    """Alarm rates of the last two years, true outbreaks included, and detection of injected outbreaks."""
    print("\n### Real series: alarms of the last two years at nominal 1 %, true outbreaks included\n")
    print(
        "| file | series | anlan % | slow indicator % | farrington_flexible % | local level in use % |\n|---|---|---|---|---|---|"
    )
    for name, grid in grids.items():
        dates = period_dates(grid.step, grid.ordinals)
        last = slice(-24 if grid.step == "month" else -104, None)
        ours = anlan_detector(grid.values, dates=dates, evaluate=last, slow=True)
        flexible = METHODS["farrington_flexible"]
        theirs = flexible.run(
            grid.values, dates=dates, evaluate=last, **benchmark_parameters(flexible, dated=True)
        )
        rates = [ours.alarm, ours.extra["slow_alarm"], theirs.alarm]
        cells = " | ".join(f"{100 * np.mean(alarm):.2f}" for alarm in rates)
        print(
            f"| {name} | {len(grid.values)} | {cells} | {100 * np.nanmean(ours.extra['level_used']):.0f} |",
            flush=True,
        )
    print(
        f"\n### Real series with injected outbreaks, anlan minus Farrington flexible at its own rate, seed {seed}\n"
    )
    print(
        "| file | copies | size, sd | median weeks | Farrington's rate % | POD: Farrington | POD | P1 | delay | PPV |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, grid in grids.items():
        for size, median in [*((size, 1.0) for size in SIZES), (8.0, 4.0)]:
            injected(name, grid, size, median, seed)


def injected(name: str, grid: SeriesGrid, size: float, median: float, seed: int) -> None:
    n_times = grid.values.shape[1]
    series = inject_outbreaks(
        grid.values,
        size_sd=size,
        first_tested=n_times - (24 if grid.step == "month" else 104),
        generator=np.random.default_rng([seed, int(size), int(median)]),
        dates=period_dates(grid.step, grid.ordinals),
        repeats=max(COPIES // len(grid.values), 1),
        median_periods=median,
    )
    ours, theirs = run_method("anlan", series), run_method("farrington_flexible", series)
    [found] = compare_at_own_rates(ours, [theirs], series)
    cells = " | ".join(said(what, found.difference[what], sign=True) for what in COMPARED)
    print(
        f"| {name} | {len(series.without)} | {size:g} | {median:g} | {100 * found.rate:.2f} | "
        f"{said('pod', found.own['pod'])} | {cells} |",
        flush=True,
    )


def budgets(grids: dict[str, SeriesGrid]) -> None:
    """K signals a week over all weekly series together, in the weeks that most of them share."""
    weekly = [grid for grid in grids.values() if grid.step == "week"]
    if not weekly:
        return
    last = sorted(int(grid.ordinals[-1]) for grid in weekly)[len(weekly) // 2]
    chosen = [grid for grid in weekly if grid.first <= last - 312 and int(grid.ordinals[-1]) >= last]
    p_values = []
    for grid in chosen:
        dates = period_dates(grid.step, grid.ordinals)
        place = last - grid.first
        p_values.append(
            anlan_detector(grid.values, dates=dates, evaluate=slice(place - 103, place + 1)).p_value
        )
    p = np.concatenate(p_values)
    print(f"\n### Alarm budget on {len(p)} real weekly series together, 104 weeks\n")
    budget_table(p)


def budget_table(p: FloatArray) -> None:
    print(
        "| asked | variant | obtained a week (sd) | expected by chance | held back a week |\n|---|---|---|---|---|"
    )
    for wanted in BUDGETS:
        for exact in (False, True):
            found = alarm_budget(p, signals_a_week=wanted, exact=exact)
            weeks = ~np.isnan(found.limit)
            print(
                f"| {wanted} | {'top K' if exact else 'trailing'} | {found.obtained[weeks].mean():.1f} "
                f"({found.obtained[weeks].std():.1f}) | {found.expected_chance[weeks].mean():.1f} | "
                f"{found.held_back[:, weeks].sum(axis=0).mean():.1f} |"
            )
    bh = benjamini_hochberg(p, q=0.1).sum(axis=0)
    print(f"\nBenjamini-Hochberg at q = 0.10: {bh.mean():.1f} findings a week.", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=210)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--real", type=Path, help="folder of *_weekly.csv with year, week, unit, count")
    options = parser.parse_args()
    began = time.process_time()
    replicates = -(-options.series // 42)
    slow_outbreaks(options.seed, replicates, "independent weeks")
    slow_outbreaks(options.seed + 1, replicates, "AR(1) log level", level_correlation=0.9, level_sd=0.25)
    epidemics(options.seed + 2, max(options.series // 4, 20))
    if options.real is not None:
        grids = real_grids(options.real)
        real_series(grids, options.seed + 3)
        budgets(grids)
    print(f"\n{time.process_time() - began:.0f} s CPU.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
