"""Write ``docs/howto/china-2010-2025.md``: what would have been signalled when in China's monthly figures.

Every number on the page comes from this script. ``--check`` fails when the page differs from what the code says.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anlan import datasets
from anlan.stats.counts import Detection, Reason, method_named
from anlan.stats.evaluation.budget import Budget, alarm_budget

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "china-2010-2025.md"
A_MONTH = 1  # signals that the desk asks for
TRAILING = 24  # months whose p-values set the limit
ALPHA = 0.01
# One series under two names in the source, and a parent whose sub-types are listed beside it.
RENAMED = {"甲型H1N1流感": "Influenza A virus subtype H1N1"}
LEFT_OUT = ("Hepatitis",)
FIXED = (
    "Plague", "Cholera", "SARS-CoV", "Human infection with H5N1 virus", "Poliomyelitis", "Diphtheria", "Filariasis",
)  # fmt: skip
DECIDED = (Reason.OK, Reason.ZERO_REFERENCE, Reason.ZERO_VARIANCE)


@dataclass(frozen=True)
class Event:
    """Something that is known to have happened: months from the first in which the figures could show it."""

    what: str
    disease: str
    first: str
    last: str
    why: str = ""


# From public reports; the list is ours and not complete. "why" is said only where nothing was signalled in time.
EVENTS = (
    Event("Poliomyelitis from an imported virus, Xinjiang", "Poliomyelitis", "2011-08", "2011-11"),
    Event("Mumps epidemic years 2011-2012", "Mumps", "2012-03", "2012-07"),
    Event("Measles comes back after the campaign of 2010", "Measles", "2013-03", "2013-06"),
    Event("Avian influenza A(H7N9), first wave", "Human infection with H7N9 virus", "2013-03", "2013-05"),
    Event("Avian influenza A(H7N9), second wave", "Human infection with H7N9 virus", "2014-01", "2014-03"),
    Event("Norovirus GII.2, winter 2016/17", "Infectious diarrhea", "2016-11", "2017-03"),
    Event(
        "Avian influenza A(H7N9), fifth and largest wave",
        "Human infection with H7N9 virus",
        "2016-12",
        "2017-03",
    ),
    Event("Influenza, winter 2017/18", "Influenza", "2017-12", "2018-02"),
    Event("Influenza, winter 2018/19", "Influenza", "2018-12", "2019-03"),
    Event("Plague from Inner Mongolia, found in Beijing", "Plague", "2019-11", "2019-11"),
    Event("Influenza, December 2019", "Influenza", "2019-12", "2020-01"),
    Event("COVID-19 begins", "COVID-19", "2020-01", "2020-02"),
    Event("Anthrax, summer 2021", "Anthrax", "2021-08", "2021-09"),
    Event("COVID-19, the Omicron wave of spring 2022", "COVID-19", "2022-03", "2022-04"),
    Event("COVID-19, the wave after the measures ended", "COVID-19", "2022-12", "2023-01"),
    Event("Influenza after the measures ended", "Influenza", "2023-03", "2023-04"),
    Event("Mpox becomes notifiable", "Monkey pox", "2023-09", "2023-10"),
    Event("Influenza, winter 2023/24", "Influenza", "2023-11", "2024-01"),
    Event("Measles rises again", "Measles", "2024-03", "2025-05"),
)


@dataclass(frozen=True)
class Study:
    """Cases (n_series, n_months), what two methods find, and the signals of the budget."""

    names: list[str]
    months: list[str]
    cases: NDArray[np.float64]
    anlan: Detection
    farrington: Detection
    fixed: Detection
    budget: Budget

    def row(self, disease: str) -> int:
        return self.names.index(disease)

    def in_months(self, mask: NDArray[np.bool_], disease: str, first: str, last: str) -> list[str]:
        row = self.row(disease)
        return [month for at, month in enumerate(self.months) if mask[row, at] and first <= month <= last]


def study() -> Study:
    rows = list(datasets.cn_notifiable_monthly().rows())
    months = sorted({row["month"] for row in rows})
    series: dict[str, NDArray[np.float64]] = {}
    for row in rows:
        name = RENAMED.get(row["disease"], row["disease"])
        if name not in LEFT_OUT:
            values = series.setdefault(name, np.full(len(months), np.nan))
            values[months.index(row["month"])] = float(row["cases"]) if row["cases"] else np.nan
    names = sorted(series)
    cases = np.array([series[name] for name in names])
    dates = np.array(months, dtype="datetime64[M]").astype("datetime64[D]")
    anlan = method_named("anlan").run(cases, dates=dates, alpha=ALPHA)
    farrington = method_named("farrington_flexible").run(cases, dates=dates, alpha=ALPHA)
    fixed = method_named("cidars_fixed").run(cases)
    # Diseases with a fixed value do not compete for the budget.
    common = np.array([name not in FIXED for name in names])
    p_values = np.where(common[:, np.newaxis], anlan.p_value, np.nan)
    budget = alarm_budget(p_values, signals_a_week=A_MONTH, trailing_weeks=TRAILING, alpha=ALPHA)
    watched = np.array([name in FIXED for name in names])[:, np.newaxis]
    fixed = Detection(**{**fixed.__dict__, "alarm": fixed.alarm & watched})
    return Study(names, months, cases, anlan, farrington, fixed, budget)


def decided(found: Detection) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.isin(found.reason, [int(reason) for reason in DECIDED])
    return mask


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def setup(one: Study) -> str:
    common = [name for name in one.names if name not in FIXED]
    return f"""# What would have been signalled: China's notifiable diseases by month, 2010-2025

Every number on this page is written by `tools/china_2010_2025.py` from the data set that ships with the package; run it again and
compare. The question: a desk that looks at all national monthly figures at once and can follow up **{A_MONTH} signal a month**. What would it have
been shown, when, and what would it have missed?

    import polars as pl
    import anlan
    from anlan import datasets

    cases = pl.DataFrame(list(datasets.cn_notifiable_monthly().rows())).with_columns(pl.col("cases").cast(pl.Int64))
    found = anlan.detect(cases, time="month", value="cases", by="disease", method="anlan")
    found.filter(pl.col("alarm"))

## What goes in

{len(one.names)} series of {len(one.months)} months ({one.months[0]} to {one.months[-1]}). Hepatitis in total is left out, because its sub-types stand beside it; the two
names of influenza A(H1N1) of 2009 are one series. {len(common)} series are judged by the method [`anlan`](../methods/anlan.md), and beside it by
[Farrington flexible](../methods/farrington_flexible.md), both at alpha {ALPHA:g}; {len(FIXED)} rare diseases by [fixed value](../methods/cidars.md), one case.

**What this is not.** The figures are the bulletins' own, most of them as later collected; what was known on the day is not in them, nor are delays. A month is a coarse
period: a signal for March is known in April. And a national series hides every local outbreak that the nation's sum swallows.

## The budget

The limit of a month is the p-value that would have given {A_MONTH} signal a month over the {TRAILING} months before it. `anlan` decides from the
third year on.

{budget_table(one)}

"By chance" is what the limit lets through when nothing happens anywhere, if the p-values were exact; on correlated series like these expect up to twice as
many. "Held back" had p at or below {ALPHA:g} and no place in the budget.
"""


def budget_table(one: Study) -> str:
    rows = []
    years = sorted({month[:4] for month in one.months})
    for year in years:
        at = np.array([month.startswith(year) for month in one.months])
        limited = at & ~np.isnan(one.budget.limit)
        if not limited.any():
            continue
        common = np.array([name not in FIXED for name in one.names])
        rows.append([
            year,
            f"{int((decided(one.anlan)[common] & ~np.isnan(one.anlan.p_value[common]))[:, at].sum() / at.sum()):d}",
            number(float(one.budget.obtained[limited].sum() / limited.sum())),
            number(float(one.budget.expected_chance[limited].sum() / limited.sum())),
            f"{float(np.median(one.budget.limit[limited])):.3f}",
            str(int(one.budget.held_back[:, limited].sum())),
            str(int(one.fixed.alarm[:, at].sum())),
        ])  # fmt: skip
    head = [
        "year", "series judged", "signals a month", "by chance", "limit, median p", "held back in the year",
        "fixed-value signals in the year",
    ]  # fmt: skip
    return table(head, rows)


def events(one: Study) -> tuple[str, list[Event]]:
    rows, missed = [], []
    for event in EVENTS:
        shown = [
            one.in_months(mask, event.disease, event.first, event.last)
            for mask in (one.budget.signals, one.anlan.alarm, one.farrington.alarm, one.fixed.alarm)
        ]
        at = [one.months.index(month) for month in one.months if event.first <= month <= event.last]
        row = one.row(event.disease)
        cases = np.nansum(one.cases[row, at])
        if not (shown[0] or shown[3]):
            missed.append(event)
        rows.append([
            event.what, f"{event.first} to {event.last}", f"{cases:,.0f}", *(", ".join(one_) or "-" for one_ in shown),
        ])  # fmt: skip
    head = [
        "event",
        "months",
        "cases in them",
        "in the budget",
        "anlan",
        "Farrington flexible",
        "fixed value",
    ]
    return table(head, rows), missed


def why_missed(one: Study, event: Event) -> str:
    row = one.row(event.disease)
    at = [place for place, month in enumerate(one.months) if event.first <= month <= event.last]
    reported = [place for place in at if not np.isnan(one.cases[row, place])]
    first = next(place for place in range(len(one.months)) if not np.isnan(one.cases[row, place]))
    if not reported:
        begin = f", its first month is {one.months[first]}" if one.months[first] > event.last else ""
        return f"the published figures have no row for these months{begin}: nothing to look at"
    judged = [place for place in reported if decided(one.anlan)[row, place]]
    if not judged:
        words = {Reason(int(one.anlan.reason[row, place])).name for place in reported}
        return f"not decided ({', '.join(sorted(words))}): the series begins in {one.months[first]}"
    best = min(judged, key=lambda place: float(np.nan_to_num(one.anlan.p_value[row, place], nan=1.0)))
    p_value, limit = one.anlan.p_value[row, best], one.budget.limit[best]
    seen = (
        f"{one.months[best]} had {number(float(one.cases[row, best]))} cases, {number(float(one.anlan.expected[row, best]))} expected, "
        f"p = {p_value:.3f}"
    )
    return seen + (" and no limit was set yet" if np.isnan(limit) else f"; the limit was {limit:.3f}")


def misses(one: Study, missed: list[Event]) -> str:
    lines = [
        f"- **{event.what}** ({event.first} to {event.last}): {why_missed(one, event)}." for event in missed
    ]
    return "\n".join(lines)


def when(one: Study, signals: NDArray[np.bool_]) -> str:
    """Years and the months in them: ``2015: 3 4 5; 2020: 1``."""
    years: dict[str, list[str]] = {}
    for month, signal in zip(one.months, signals, strict=True):
        if signal:
            years.setdefault(month[:4], []).append(str(int(month[5:])))
    return "; ".join(f"{year}: {' '.join(numbers)}" for year, numbers in years.items()) or "-"


def by_disease(one: Study) -> str:
    rows = []
    for row, name in enumerate(one.names):
        signals = one.fixed.alarm[row] if name in FIXED else one.budget.signals[row]
        judged = int(decided(one.fixed if name in FIXED else one.anlan)[row].sum())
        way = "fixed value" if name in FIXED else "budget"
        rows.append([name, way, str(judged), str(int(signals.sum())), when(one, signals)])
    return table(["disease", "way", "months judged", "signals", "when (year: months)"], rows)


def largest(one: Study) -> str:
    """The twenty signals of the budget with the smallest p-values."""
    places = np.argwhere(one.budget.signals)
    order = sorted(places.tolist(), key=lambda place: float(one.anlan.p_value[place[0], place[1]]))[:20]
    rows = [
        [
            one.months[at], one.names[row], number(float(one.cases[row, at])),
            number(float(one.anlan.expected[row, at])), number(float(one.anlan.upper[row, at])),
            f"{one.anlan.p_value[row, at]:.1e}",
        ]
        for row, at in sorted(order, key=lambda place: (place[1], place[0]))
    ]  # fmt: skip
    return table(["month", "disease", "cases", "expected", "upper limit", "p"], rows)


def page() -> str:
    one = study()
    known, missed = events(one)
    total, chance = int(one.budget.signals.sum()), float(np.nansum(one.budget.expected_chance))
    after = [place for place, month in enumerate(one.months) if "2023-01" <= month <= "2024-12"]
    return f"""{setup(one)}
## Known events

The list is ours, made by hand from public reports, and not complete. A month stands in a column when the event's disease was signalled in that month.

{known}

### Missed, and why

{len(missed)} of {len(EVENTS)} known events were shown to the desk neither by the budget nor by a fixed value:

{misses(one, missed)}

What follows from it: the first months of a new disease belong to a fixed value (one case), not to a statistical method, which needs years; a wave that is already part of the two years a method
has seen is its expectation; and a month that nobody publishes cannot be judged. A gap is not a zero, and anlan says `MISSING_CURRENT` there.

## All signals by disease

{total} signals in the budget over {int((~np.isnan(one.budget.limit)).sum())} months; about {number(chance)} would come by chance alone: a budget buys attention, not truth, and
the twenty clearest below are a better start than the whole list. {int(one.budget.signals[:, after].sum())} fell in 2023 and 2024, when the
diseases that the COVID-19 measures had held down came back: against an expectation learnt in 2020-2022 the ordinary looks like an outbreak. A person has to know that; the
method does not. Long runs of one disease with few cases (schistosomiasis, kala-azar) look more like changes in reporting than like outbreaks; the figures alone cannot tell.

{by_disease(one)}

## The twenty clearest

{largest(one)}

Source of the figures: {datasets.cn_notifiable_monthly().attribution["en"]}.
"""


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.stderr.write(
                f"{PAGE.name} differs from what the code says; run python tools/{Path(__file__).name}\n"
            )
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
