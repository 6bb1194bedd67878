"""Draw each method on real data, and write the section "On real data" of its page from what the method finds there.

What is drawn and what is said stands in ``method_pictures.toml``: captions are templates, and every number in them comes
from the run. False alarms come from ``docs/methods/false_alarms.csv`` (``benchmarks/bench_false_alarms.py``). Written are
the pictures in ``docs/images/methods``, the marked section of each page and the marked table of ``docs/methods/README.md``.

Run: ``python tools/method_pictures.py [--check]``; ``--check`` fails when a file is not what the code makes.
"""

from __future__ import annotations

import csv
import math
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from anlan import datasets  # noqa: E402
from anlan.charts import CurveData, Line, LineData, epidemic_curve, line_chart  # noqa: E402
from anlan.stats.counts import METHODS, Detection, Reason  # noqa: E402

ROOT = Path(__file__).parents[1]
PAGES, PICTURES = ROOT / "docs" / "methods", ROOT / "docs" / "images" / "methods"
REFERENCE = ROOT / "tests" / "reference"
SPEC = Path(__file__).with_suffix(".toml")
BEGIN, END = "<!-- {}: written by tools/method_pictures.py -->", "<!-- {}: end -->"
VARIANTS: tuple[dict[str, Any], ...] = ({}, {"variant": "surveillance-1.20"})
WIDTH, HEIGHT = 860, 250
#: Limits far above all counts would press the bars flat: no line there.
HIGHEST_LIMIT = 2.5
A_YEAR = {"week": 365.25 / 7, "month": 12.0, "day": 365.25}
JUDGED = [int(reason) for reason in Reason if reason.is_decided or reason is Reason.TOO_FEW_RECENT]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One real series: values by period, its dates where the method may use them, and what is known to have happened."""

    periods: list[str]
    values: Values
    dates: NDArray[np.datetime64]


@dataclass(frozen=True)
class Moment:
    """One period of a run, for the templates of the captions."""

    observed: float
    expected: float
    upper: float
    score: float
    statistic: float


@dataclass(frozen=True)
class Shown:
    """A method on the part of a series that is drawn."""

    periods: list[str]
    found: Detection
    step: str

    @property
    def judged(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = np.isin(self.found.reason[0], JUDGED)
        return mask

    @property
    def alarms(self) -> list[str]:
        return [period for period, alarm in zip(self.periods, self.found.alarm[0], strict=True) if alarm]

    @property
    def a_year(self) -> float:
        return len(self.alarms) / max(int(self.judged.sum()), 1) * A_YEAR[self.step]

    def at(self) -> dict[str, Moment]:
        one = self.found
        statistic = one.extra.get("statistic", np.full(one.observed.shape, np.nan))
        return {
            period: Moment(*(float(values[0, place]) for values in (
                one.observed, one.expected, one.upper, one.score, statistic,
            )))
            for place, period in enumerate(self.periods)
        }  # fmt: skip


@cache
def spec() -> Mapping[str, Any]:
    return tomllib.loads(SPEC.read_text(encoding="utf-8"))


def monthly(disease: str) -> Series:
    """A disease of China's monthly figures."""
    rows = [row for row in datasets.cn_notifiable_monthly().rows() if row["disease"] == disease]
    found = {row["month"]: float(row["cases"]) if row["cases"] else math.nan for row in rows}
    dates = np.arange(min(found), np.datetime64(max(found)) + 1, dtype="datetime64[M]")
    periods = [str(date) for date in dates]
    values = np.array([found.get(period, math.nan) for period in periods])
    return Series(periods, values, dates.astype("datetime64[D]"))


def h7n9() -> Series:
    """Cases of influenza A(H7N9) by day of onset; days without a case between the first and the last are zeros."""
    onsets = [row["date_of_onset"] for row in datasets.h7n9_china_2013_linelist().rows()]
    dates = np.arange("2013-02-10", "2013-06-01", dtype="datetime64[D]")
    values = np.array([float(onsets.count(str(date))) for date in dates])
    return Series([str(date) for date in dates], values, dates)


def hospital() -> Series:
    """Hospitalised cases of COVID-19 in Germany in the last seven days, as known at the end."""
    latest: dict[str, float] = {}
    for row in datasets.de_covid_hospitalisation_revisions().rows():
        if row["state_id"] == "00":
            latest[row["date"]] = float(row["cases_7d"])
    dates = np.arange(min(latest), np.datetime64(max(latest)) + 1, dtype="datetime64[D]")
    periods = [str(date) for date in dates]
    return Series(periods, np.array([latest.get(period, math.nan) for period in periods]), dates)


def _table(path: str) -> list[dict[str, str]]:
    with (REFERENCE / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _weeks(dates: NDArray[np.datetime64]) -> list[str]:
    iso = [date.isocalendar() for date in dates.astype("datetime64[D]").astype(object)]
    return [f"{one.year}-W{one.week:02d}" for one in iso]


def newport() -> Series:
    rows = _table("surveillance/data/stsNewport.csv")
    dates = np.array([row["date"] for row in rows], dtype="datetime64[D]")
    return Series(_weeks(dates), np.array([float(row["count"]) for row in rows]), dates)


def deaths() -> Series:
    """All deaths in Denmark by ISO week, the age groups added."""
    total: dict[str, float] = {}
    for row in _table("health/deaths_denmark_age_weekly.csv"):
        week = f"{row['year']}-W{int(row['week']):02d}"
        total[week] = total.get(week, 0.0) + float(row["count"])
    dates = np.arange("1994-01-03", "2009-01-01", 7, dtype="datetime64[D]")[: len(total)]
    periods = _weeks(dates)
    return Series(periods, np.array([total[period] for period in periods]), dates)


def castilla() -> Series:
    """Influenza in Castilla y León, weeks 40 to 20 of eight seasons; not reported between them."""
    rates: dict[str, float] = {}
    for row in _table("health/influenza_castilla_leon_weekly_rates.csv"):
        week = int(row["week"])
        for season in [name for name in row if name != "week"]:
            rates[f"{int(season[:4]) + (week < 40)}-W{week:02d}"] = float(row[season])
    dates = np.arange("2001-10-01", "2009-05-18", 7, dtype="datetime64[D]")
    periods = _weeks(dates)
    return Series(periods, np.array([rates.get(period, math.nan) for period in periods]), dates)


def flu_south() -> Series:
    """Influenza in Bavaria and Baden-Württemberg from the quiet before one season on; years of 52 positions."""
    rows = [row for row in _table("surveillance/data/fluBYBW_total.csv") if 191 <= int(row["index"]) <= 228]
    periods = [f"{row['year']}-W{int(row['period']):02d}" for row in rows]
    dates = np.datetime64("2004-08-23") + 7 * np.arange(len(rows))
    return Series(periods, np.array([float(row["count"]) for row in rows]), dates)


def hepatitis() -> Series:
    rows = _table("surveillance/data/h1_nrwrp.csv")
    periods = [f"{row['year']}-W{int(row['period']):02d}" for row in rows]
    dates = np.datetime64("2001-01-01") + 7 * np.arange(len(rows))
    return Series(periods, np.array([float(row["count"]) for row in rows]), dates)


LOADERS = {
    "anthrax": lambda: monthly("Anthrax"),
    "plague": lambda: monthly("Plague"),
    "h7n9": h7n9,
    "hospital": hospital,
    "newport": newport,
    "deaths": deaths,
    "castilla": castilla,
    "flu_south": flu_south,
    "h1": hepatitis,
}


@cache
def series(name: str) -> Series:
    return LOADERS[name]()


def run(method: str, name: str, first: str, last: str, parameters: Mapping[str, Any]) -> Shown:
    """The method on the whole series; what is before ``first`` is history."""
    one, about = series(name), spec()["series"][name]
    low, high = one.periods.index(first), one.periods.index(last) + 1
    dates = one.dates if about.get("dated", True) else None
    found = METHODS[method].run(
        one.values[np.newaxis], dates=dates, evaluate=np.arange(low, high), **parameters
    )
    return Shown(one.periods[low:high], found, about["step"])


@cache
def shown(picture: str) -> Shown:
    entry = spec()["picture"][picture]
    about = spec()["series"][entry["series"]]
    return run(
        entry.get("method", picture),
        entry["series"],
        entry.get("first", about["first"]),
        entry.get("last", about["last"]),
        entry.get("parameters", {}),
    )


def _values(values: Values, highest: float = math.inf, lowest: float = -math.inf) -> list[float | None]:
    """None where there is nothing to draw; below ``lowest`` drawn at it."""
    return [
        max(float(value), lowest) if math.isfinite(value) and value <= highest else None for value in values
    ]


def draw(picture: str) -> str:
    """The picture as a file of its own: bars with expectation and limit, or lines where zero means nothing."""
    entry, one = spec()["picture"][picture], shown(picture)
    about, found = spec()["series"][entry["series"]], one.found
    title = f"{METHODS[found.method].name}: {about['title']}"
    decided = one.judged
    highest = HIGHEST_LIMIT * float(np.nanmax(found.observed))
    expected = _values(np.where(decided, found.expected[0], np.nan), highest, 0.0)
    upper = _values(np.where(decided, found.upper[0], np.nan), highest, 0.0)
    alarm = [bool(value) for value in found.alarm[0]]
    note = f"{len(one.alarms)} alarms in {int(decided.sum())} judged {one.step}s"
    if about.get("lines"):
        lines = [
            Line(name="deaths", values=_values(found.observed[0])),
            Line(name="limit", values=upper),
            Line(name="expected", values=expected),
        ]
        data = LineData(
            periods=one.periods, lines=lines, alarm=alarm, title=title, unit=about["unit"], note=note,
            from_zero=False,
        )  # fmt: skip
        return still(
            line_chart(data, language="en", width=WIDTH, height=about.get("height", HEIGHT), standalone=True)
        )
    curve = CurveData(
        periods=one.periods, observed=_values(found.observed[0]), expected=expected, upper=upper, alarm=alarm,
        title=title, unit=about["unit"], note=note,
    )  # fmt: skip
    return still(
        epidemic_curve(curve, language="en", width=WIDTH, height=about.get("height", HEIGHT), standalone=True)
    )


def still(svg: str) -> str:
    """The picture without what is said when an alarm is pointed at: an embedded picture cannot be pointed at."""
    named = svg.index("</title>") + len("</title>")
    return svg[:named] + re.sub(r"<title>[^<]*</title>", "", svg[named:]) + "\n"


def event_words(one: Shown, about: Mapping[str, Any]) -> str:
    """What the method made of the known event: the first alarm in it, or that it was missed."""
    event = about.get("event")
    if event is None:
        return f"{about['truth']} "
    weeks = [period for period in one.periods if event["first"] <= period <= event["last"]]
    hits = [period for period in one.alarms if period in weeks]
    if not hits:
        return f"**Missed: {event['what']}**; none of its {len(weeks)} {one.step}s alarms. "
    others = len(one.alarms) - len(hits)
    return (
        f"{event['what'][0].upper()}{event['what'][1:]} was seen in {hits[0]} first ({len(hits)} of {len(weeks)} {one.step}s); "
        f"of the other {others} alarms nobody knows whether they are right. "
    )


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 1 or value == 0 else f"{value:.2f}"


def caption(picture: str) -> str:
    entry, one = spec()["picture"][picture], shown(picture)
    about = spec()["series"][entry["series"]]
    own = entry["says"].format(at=one.at(), alarms=len(one.alarms))
    given = "".join(f", `{name}` {value}" for name, value in entry.get("parameters", {}).items())
    setting = f"`{one.found.method}`{given or ', default settings'}."
    count = f"{len(one.alarms)} alarms in {int(one.judged.sum())} judged {one.step}s, {number(one.a_year)} a year. "
    return f"*{setting} {about['title']}.* {count}{event_words(one, about)}{own}".strip()


@cache
def rates() -> Mapping[tuple[str, str], Mapping[str, str]]:
    with (PAGES / "false_alarms.csv").open(encoding="utf-8", newline="") as file:
        return {(row["method"], row["design"]): row for row in csv.DictReader(file)}


def told_rate(row: Mapping[str, str]) -> str:
    return f"{number(float(row['a_year']))} ({number(float(row['low']))} to {number(float(row['high']))})"


def costs(method: str) -> str:
    """False alarms a year: simulated without and with correlation, and the alarms in the picture."""
    one = shown(method)
    real = f"in the picture {number(one.a_year)} alarms a year, true and false together"
    quiet, moving = rates().get((method, "independent")), rates().get((method, "correlated"))
    if quiet is None or moving is None:
        return f"- `{method}`: as many as there are periods beyond the limit, and none of them false; {real}."
    return (
        f"- `{method}`: **{told_rate(quiet)}** on {int(quiet['n_series']):,} simulated weekly series; {told_rate(moving)} where the level is "
        f"correlated; {real}."
    )


def methods_of(page: str) -> list[str]:
    return [name for name, method in METHODS.items() if method.page == page]


def section(page: str) -> str:
    """The marked part of a method's page."""
    names = methods_of(page)
    pictures = "\n\n".join(
        f"![{name} on real data: {spec()['series'][spec()['picture'][name]['series']]['title']}](../images/methods/{name}.svg)\n\n{caption(name)}"
        for name in names
    )
    sources = sorted({spec()["picture"][name]["series"] for name in names})
    told = "\n".join(f"Data: {spec()['series'][name]['source']}" for name in sources)
    return (
        f"## On real data\n\n{pictures}\n\n{told}\n\n### False alarms a year and series, at the default settings\n\n"
        + "\n".join(costs(name) for name in names)
        + "\n\nSeries without a current outbreak, with 95 % intervals; how they were made and all methods side by side: [all methods](README.md)."
    )


def known_outbreak(name: str) -> str:
    """The known outbreak of S. Newport 2011 for one method: its weeks in alarm, and alarms a year outside it."""
    method = METHODS[name]
    about = spec()["series"]["newport"]
    if "week" not in method.steps or "count" not in method.kinds or name == "limit":
        return "| | "
    settings = {"window": 1} if name == "cidars_moving" else {}
    one = run(name, "newport", about["first"], about["last"], settings)
    event = about["event"]
    inside = [period for period in one.alarms if event["first"] <= period <= event["last"]]
    outside = (
        (len(one.alarms) - len(inside)) / max(int(one.judged.sum()) - event["periods"], 1) * A_YEAR["week"]
    )
    return f"| {len(inside)} of {event['periods']} | {number(outside)} "


def overview() -> str:
    """The marked table of the page of all methods."""
    head = (
        "| method | false alarms a year, simulated | the same, correlated level | weeks of the outbreak of *S.* Newport in alarm | alarms a year there, outbreak left out "
        "| pictured on | alarms a year in the picture |\n|---|---|---|---|---|---|---|"
    )
    rows = []
    for name, method in METHODS.items():
        told = [rates().get((name, design)) for design in ("independent", "correlated")]
        entry, one = spec()["picture"][name], shown(name)
        rows.append(
            f"| [`{name}`]({method.page}.md) | {' | '.join(told_rate(row) if row else '-' for row in told)} {known_outbreak(name)}"
            f"| {spec()['series'][entry['series']]['short']} | {number(one.a_year)} |"
        )
    sizes = sorted({(int(row["n_series"]), row["seed"]) for row in rates().values()}, reverse=True)
    made = "; ".join(
        f"{size:,} series (seed {seed})"
        + ("" if size == sizes[0][0] else f" for {', '.join(_of_size(size))}")
        for size, seed in sizes
    )
    return f"{head}\n" + "\n".join(rows) + f"\n\nSimulated: {made}, 49 judged weeks each."


def _of_size(size: int) -> list[str]:
    return sorted({f"`{method}`" for (method, _), row in rates().items() if int(row["n_series"]) == size})


def table(head: str, rows: list[list[str]]) -> str:
    lines = [head, "|" + "---|" * (head.count("|") - 1), *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines)


def yes(flag: bool) -> str:
    return "alarm" if flag else "-"


def large_counts() -> str:
    """One period with a known mean of one case: both variants of the negative binomial chart."""
    rows = []
    for count in (5, 10, 20, 25, 30, 50, 100):
        both = [
            METHODS["glr_nb"].run([[float(count)]], mean=1.0, overdispersion=0.1, **given)
            for given in VARIANTS
        ]
        told = [
            part
            for one in both
            for part in (f"{one.extra['statistic'][0, 0]:.1f}", yes(bool(one.alarm[0, 0])))
        ]
        rows.append([str(count), *told])
    return table("| count | published: statistic | | reference: statistic | |", rows)


def pictured(picture: str) -> str:
    return f"![{picture}: {spec()['series'][spec()['picture'][picture]['series']]['title']}](../images/methods/{picture}.svg)"


def large_outbreak() -> str:
    """The weeks of the outbreak in ``h1_nrwrp``."""
    ours, theirs = shown("quirk_glr_published"), shown("quirk_glr_reference")
    rows = [
        [
            week, f"{ours.at()[week].observed:.0f}", f"{ours.at()[week].expected:.2f}", f"{ours.at()[week].statistic:.1f}",
            yes(week in ours.alarms), f"{theirs.at()[week].statistic:.1f}", yes(week in theirs.alarms),
        ]
        for week in ours.periods[12:25]
    ]  # fmt: skip
    told = table(
        "| week | cases | mean | published: statistic | | reference: statistic | |", rows
    )  # fmt: skip
    cases = sum(ours.at()[week].observed for week in ours.alarms[1:])
    return (
        f"{pictured('quirk_glr_published')}\n\n*Published (default): {len(ours.alarms)} alarms.*\n\n{pictured('quirk_glr_reference')}\n\n"
        f'*`variant="surveillance-1.20"`: {len(theirs.alarms)} alarms. After the first one the weeks with {cases:.0f} further cases are missed, '
        f"and the second comes in {theirs.alarms[1]}, a week with {theirs.at()[theirs.alarms[1]].observed:.0f} cases.*\n\n{told}"
    )


def third_ears() -> str:
    """C3 day by day where the variants differ."""
    ours, theirs = shown("ears_c3"), shown("quirk_c3_reference")
    differ = sorted(set(ours.alarms) ^ set(theirs.alarms))
    rows = [
        [day, f"{ours.at()[day].observed:.0f}", f"{ours.at()[day].upper:.1f}", yes(day in ours.alarms),
         number_or_none(theirs.at()[day].upper), yes(day in theirs.alarms)]
        for day in differ
    ]  # fmt: skip
    return (
        f'{pictured("quirk_c3_reference")}\n\n*`variant="surveillance-1.20"`: {len(theirs.alarms)} alarms; '
        f"[published](ears.md): {len(ours.alarms)}. The days on which they differ:*\n\n"
        + table("| day | cases | published: limit | | reference: limit | |", rows)
    )


def number_or_none(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "none"


def scores() -> str:
    """The score of Farrington flexible in the weeks of the outbreak."""
    event = spec()["series"]["newport"]["event"]
    runs = [run("farrington_flexible", "newport", event["first"], event["last"], given) for given in VARIANTS]
    rows = [
        [
            week, f"{runs[0].at()[week].observed:.0f}", f"{runs[0].at()[week].expected:.2f}", f"{runs[0].at()[week].upper:.0f}",
            *(f"{one.at()[week].score:.2f}" for one in runs),
        ]
        for week in runs[0].periods
    ]  # fmt: skip
    return table("| week | cases | expected | limit | published: score | reference: score |", rows)


def every_variant() -> str:
    """Alarms and limits of both variants on S. Newport, at the default settings."""
    about, rows = spec()["series"]["newport"], []
    for name, method in METHODS.items():
        # Below, the chart whose limits take the reference variant minutes.
        if name == "glr_nb" or not any(item.name == "variant" for item in method.parameters):
            continue
        ours, theirs = (run(name, "newport", about["first"], about["last"], given) for given in VARIANTS)
        limits = ~np.isclose(ours.found.upper, theirs.found.upper, rtol=1e-6, equal_nan=True)
        rows.append(
            [
                f"[`{name}`]({method.page}.md)", str(len(ours.alarms)), str(len(theirs.alarms)),
                str(len(set(ours.alarms) ^ set(theirs.alarms))), str(int(limits.sum())),
            ]
        )  # fmt: skip
    head = "| method | alarms, published | alarms, reference | weeks whose alarm differs | weeks whose limit differs |"
    return table(head, rows)


def with_section(path: Path, text: str, name: str, made: str) -> str:
    """The page with one marked part replaced."""
    begin, end = BEGIN.format(name), END.format(name)
    if begin not in text or end not in text:
        raise SystemExit(f"{path.relative_to(ROOT)} lacks the lines\n{begin}\n{end}")
    before, after = text.split(begin, 1)[0], text.split(end, 1)[1]
    return f"{before}{begin}\n{made}\n{end}{after}"


def wanted() -> dict[Path, str]:
    """Every file that the tool writes, with its text."""
    files = {PICTURES / f"{name}.svg": draw(name) for name in spec()["picture"]}
    marked = [
        (f"{page}.md", "on real data", section(page))
        for page in sorted({method.page for method in METHODS.values()})
    ]
    marked += [
        ("README.md", "table", overview()),
        ("quirks.md", "large counts", large_counts()),
        ("quirks.md", "large outbreak", large_outbreak()),
        ("quirks.md", "c3", third_ears()),
        ("quirks.md", "score", scores()),
        ("quirks.md", "every variant", every_variant()),
    ]
    for page, name, made in marked:
        path = PAGES / page
        files[path] = with_section(
            path, files.get(path) or path.read_text(encoding="utf-8"), name, f"\n{made}\n"
        )
    return files


def main() -> int:
    wrong = 0
    for path, text in wanted().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv[1:]:
            wrong += 1
            sys.stderr.write(
                f"{path.relative_to(ROOT)} is not what the code makes; run python tools/{Path(__file__).name}\n"
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
