"""Charts as XML: what is drawn, what is never drawn, and that nothing from outside gets through unescaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.charts import (
    CurveData,
    Limit,
    Line,
    LineData,
    epidemic_curve,
    line_chart,
    small_multiples,
    sparkline,
)
from anlan.charts._axis import Plot, kind_of, period_axis
from anlan.charts._svg import apart, escape, number, runs, shortened, ticks
from anlan.charts.style import DARK, LIGHT, style_sheet
from anlan.errors import ParameterError

SVG = "{http://www.w3.org/2000/svg}"
WEEKS = [f"2023-W{week:02d}" for week in range(40, 53)] + [f"2024-W{week:02d}" for week in range(1, 12)]


def curve(**changes: Any) -> CurveData:
    n = len(WEEKS)
    data: dict[str, Any] = {
        "periods": WEEKS,
        "observed": [2.0] * (n - 1) + [9.0],
        "expected": [2.5] * n,
        "upper": [6.0] * n,
        "alarm": [False] * (n - 1) + [True],
        "title": "Measles in Chibi",
        "unit": "cases per week, by onset",
    }
    return CurveData(**{**data, **changes})


def parsed(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    return root


def classed(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [item for item in root.iter() if name in item.get("class", "").split()]


def words(root: ElementTree.Element) -> list[str]:
    return [item.text or "" for item in root.iter(f"{SVG}text")]


def paths(root: ElementTree.Element, name: str) -> str:
    return "".join(item.get("d", "") for item in classed(root, name))


def test_a_curve_has_bars_lines_a_ring_and_names_at_its_end() -> None:
    root = parsed(epidemic_curve(curve(), language="en"))
    assert root.get("viewBox") == "0 0 960 260"
    assert paths(root, "bar").count("M") == len(WEEKS) - 1
    assert len(classed(root, "ring")) == 1 + 1  # the mark and its explanation
    assert paths(root, "expected").count("M") == 1
    assert paths(root, "bound").count("M") == 1
    assert {"observed 9", "bound 6", "expected 2.5", "cases per week, by onset"} <= set(words(root))


def test_it_says_in_words_what_it_shows() -> None:
    root = parsed(epidemic_curve(curve(), language="en"))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Measles in Chibi"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "Measles in Chibi"
    described = root[1].text or ""
    assert "2023-W40 to 2024-W11, 24 periods. Highest 9. Over the bound: 1." in described
    assert "Last over the bound: 2024-W11" in described
    titles = [item.text for item in root.iter(f"{SVG}title")]
    assert "2024-W11: 9 observed, 2.5 expected, bound 6" in titles


def test_both_languages() -> None:
    chinese = words(parsed(epidemic_curve(curve(), language="zh")))
    assert {"已报 9", "上界 6", "预期 2.5"} <= set(chinese)
    assert epidemic_curve(curve(), language="zh").count('lang="zh"') == 1


def test_the_axis_starts_at_zero() -> None:
    root = parsed(epidemic_curve(curve(observed=[1000.0] * len(WEEKS), upper=[], expected=[], alarm=[])))
    assert "0" in words(root)
    assert "1000" in words(root)


def test_a_gap_is_marked_and_never_bridged() -> None:
    n = len(WEEKS)
    observed = [2.0] * 8 + [None] * 8 + [2.0] * (n - 16)
    expected = [2.5] * 8 + [None] * 8 + [2.5] * (n - 16)
    root = parsed(epidemic_curve(curve(observed=observed, expected=expected, alarm=[]), language="en"))
    assert len([item for item in classed(root, "gap") if item.get("width") != "11"]) == 1
    assert paths(root, "bar").count("M") == n - 8
    assert paths(root, "expected").count("M") == 2
    assert "no data" in words(root)
    assert "Without data: 8" in (root[1].text or "")


def test_a_zero_is_not_a_gap() -> None:
    root = parsed(epidemic_curve(curve(observed=[0.0] * len(WEEKS), alarm=[])))
    assert not classed(root, "gap")
    assert paths(root, "bar") == ""


def test_reports_that_are_still_coming() -> None:
    n = len(WEEKS)
    late = {
        "provisional": [False] * (n - 2) + [True] * 2,
        "estimate": [None] * (n - 1) + [12.0],
        "estimate_low": [None] * (n - 1) + [9.0],
        "estimate_high": [None] * (n - 1) + [17.0],
    }
    root = parsed(epidemic_curve(curve(**late), language="en"))
    assert len(classed(root, "coming")) == 1
    assert paths(root, "hatch-edge").count("M") == 1
    assert paths(root, "whisker").count("M") == 3
    assert "likely 9–17" in words(root)
    (pattern,) = root.iter(f"{SVG}pattern")
    assert f"url(#{pattern.get('id')})" in [item.get("fill") for item in root.iter()]


def test_a_narrow_chart_names_its_lines_below() -> None:
    root = parsed(epidemic_curve(curve(), language="en", width=360))
    assert {"expected", "bound"} <= set(words(root))
    assert "bound 6" not in words(root)


def test_text_from_outside_is_text() -> None:
    bad = '<script>alert("1")</script>&\x00\x1b'
    svg = epidemic_curve(curve(title=bad, unit=bad, note=bad), heading=True)
    assert "<script" not in svg
    root = parsed(svg)
    assert (root[0].text or "").startswith('<script>alert("1")</script>&')
    assert "<script" not in line_chart(
        LineData(periods=["<b>"], lines=[Line(name=bad, values=[1.0])], unit=bad)
    )
    assert "<script" not in sparkline([1.0], title=bad)
    assert escape("a\x00b'") == "a�b&#x27;"


def test_no_style_attribute_and_nothing_fetched() -> None:
    whole = epidemic_curve(curve(), standalone=True) + line_chart(
        LineData(periods=["a"], lines=[Line(name="x", values=[1])])
    )
    assert " style=" not in whole
    assert re.findall(r"(?:href|src|@import|url\((?!#))", whole) == []


def test_standalone_files_carry_both_themes_and_their_background() -> None:
    root = parsed(epidemic_curve(curve(), standalone=True))
    (style,) = root.iter(f"{SVG}style")
    assert LIGHT["accent"] in (style.text or "")
    assert DARK["accent"] in (style.text or "")
    assert "prefers-color-scheme:dark" in (style.text or "")
    assert "@media print" in (style.text or "")
    assert classed(root, "surface")
    assert not list(parsed(epidemic_curve(curve())).iter(f"{SVG}style"))


def test_every_class_drawn_has_a_rule() -> None:
    n = len(WEEKS)
    drawn = epidemic_curve(
        curve(
            observed=[None, *[2.0] * (n - 1)],
            provisional=[True] * n,
            estimate=[3.0] * n,
            estimate_low=[2.0] * n,
            estimate_high=[4.0] * n,
        ),
        heading=True,
    ) + line_chart(
        LineData(
            periods=WEEKS,
            lines=[Line(name=name, values=[1.0] * n) for name in "abc"],
            limits=[Limit(name="l", value=2)],
        )
    )
    used = {name for names in re.findall(r'class="([^"]+)"', drawn) for name in names.split()}
    missing = {name for name in used if f".{name}" not in style_sheet()}
    assert missing == set()


def test_contrast_of_the_tokens() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for theme in (LIGHT, DARK):
        for name in ("text", "text-2", "text-3", "accent"):
            assert contrast(theme[name], theme["surface"]) >= 4.5, name
        for name in ("data", "line-strong"):
            assert contrast(theme[name], theme["surface"]) >= 3, name


def test_the_same_data_give_the_same_bytes_and_ids_differ_between_pictures() -> None:
    n = len(WEEKS)
    one = curve(estimate=[10.0] * n)
    assert epidemic_curve(one) == epidemic_curve(curve(estimate=[10.0] * n))
    ids = [
        re.findall(r'id="(c[0-9a-f]+)"', epidemic_curve(data)) for data in (one, curve(estimate=[11.0] * n))
    ]
    assert ids[0] != ids[1]


def test_lengths_are_checked() -> None:
    with pytest.raises(ParameterError, match="upper must be as long as periods"):
        curve(upper=[1.0])
    with pytest.raises(ParameterError, match="x must be as long as periods"):
        LineData(periods=["a", "b"], lines=[Line(name="x", values=[1.0])])


def test_empty_charts_say_so() -> None:
    assert "No data to draw yet." in epidemic_curve(CurveData(periods=[], observed=[]), language="en")
    assert "No data to draw yet." in line_chart(LineData(periods=[], lines=[]), language="en")
    assert "No data to draw yet." in sparkline([], language="en")


def test_a_line_chart_breaks_at_gaps_and_shows_limits() -> None:
    values = [1.0, 2.0, None, 3.0, None, 4.0, 5.0]
    days = [f"2024-07-0{day}" for day in range(1, 8)]
    data = LineData(
        periods=days,
        lines=[Line(name="PM2.5", values=values)],
        limits=[Limit(name="standard", value=4.5)],
        alarm=[False] * 6 + [True],
    )
    root = parsed(line_chart(data, language="en"))
    assert paths(root, "main").count("M") == 3
    assert len(classed(root, "gap")) == 2
    assert len(classed(root, "ring")) == 1
    assert {"PM2.5 5", "standard 4.5"} <= set(words(root))
    assert "Limits: standard 4.5. Without data: 2." in (root[1].text or "")


def test_a_silent_line_does_not_end_as_if_it_went_on() -> None:
    data = LineData(periods=["a", "b"], lines=[Line(name="Lushui", values=[52.0, None])], from_zero=False)
    assert "Lushui no data" in words(parsed(line_chart(data, language="en")))


def test_levels_need_no_zero() -> None:
    data = LineData(periods=["a", "b"], lines=[Line(name="x", values=[52.1, 53.9])], from_zero=False)
    assert "0" not in words(parsed(line_chart(data)))


def test_small_multiples_have_titles_and_stand_alone() -> None:
    html = small_multiples([curve(title=f"County {index}") for index in range(3)], language="en")
    root = ElementTree.fromstring(html)
    assert [figure.tag for figure in root] == ["figure"] * 3
    assert [words(figure[0])[0] for figure in root] == ["County 0", "County 1", "County 2"]


def test_a_sparkline_breaks_and_ends_in_a_dot() -> None:
    root = parsed(sparkline([1.0, 2.0, None, 5.0], alarm=[False, False, False, True]))
    assert paths(root, "line").count("M") == 2
    (last,) = [item for item in classed(root, "dot") if "plain" not in item.get("class", "")]
    assert last.get("r") == "2.6"
    assert not [item for item in classed(parsed(sparkline([1.0, None])), "dot") if item.get("r") == "2.6"]


@pytest.mark.parametrize(
    ("labels", "kind", "written"),
    [
        (WEEKS, "week", {"40", "44", "2023", "2024"}),
        (["2023-11", "2023-12", "2024-01"], "month", {"11", "12", "1", "2024"}),
        (["2024-07-01", "2024-07-02"], "day", {"07-01", "07-02", "2024"}),
        (["2024-07-01 08:00", "2024-07-01 09:00"], "hour", {"08:00", "09:00", "07-01"}),
        (["spring", "autumn"], "other", {"spring", "autumn"}),
    ],
)
def test_the_axis_reads_the_labels(labels: Sequence[str], kind: str, written: set[str]) -> None:
    assert kind_of(labels) == kind
    plot = Plot(40, 20, 300, 200, 0, 10, len(labels))
    drawn = "".join(period_axis(plot, labels, "en"))
    assert written <= set(re.findall(r">([^<>]+)</text>", drawn))


def test_numbers_as_people_read_them() -> None:
    assert [number(value, "en") for value in (0, 9.0, 1.98, 2.04, 0.39, 0.0004, 1234, 12345, 1234567)] == [
        "0", "9", "2.0", "2.0", "0.39", "0.0004", "1234", "12\u2009345", "1\u2009234\u2009567",
    ]  # fmt: skip
    assert [number(value, "zh") for value in (99_999, 150_000, 6_727_614, 2.5e8)] == [
        "99\u2009999", "15\u00a0万", "672.8\u00a0万", "2.5\u00a0亿",
    ]  # fmt: skip
    assert number(None, "en") == number(float("nan"), "en") == "–"


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(2, 10))
def test_ticks_cover_the_values_with_round_steps(one: float, other: float, most: int) -> None:
    low, high = sorted((one, other))
    marks = ticks(low, high, most)
    assert marks[0] <= low + 1e-6 * max(1.0, high)
    assert marks[-1] >= high - 1e-6 * max(1.0, high)
    assert 2 <= len(marks) <= 2 * most + 3


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_labels_keep_their_distance(places: list[float]) -> None:
    moved = sorted(apart(places, 16.0, 0.0, 200.0))
    assert all(after - before >= 15.999 for before, after in zip(moved, moved[1:], strict=False))
    assert moved[0] >= 0


@given(st.lists(st.booleans(), max_size=30))
def test_runs_cover_exactly_the_true_values(flags: list[bool]) -> None:
    assert [index for first, end in runs(flags) for index in range(first, end)] == [
        index for index, flag in enumerate(flags) if flag
    ]


def test_long_titles_are_cut_with_an_ellipsis() -> None:
    assert shortened("short", 100) == "short"
    cut = shortened("很长很长很长很长的名字", 60)
    assert cut.endswith("…")
    assert len(cut) < 8


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e7)), min_size=1, max_size=40),
    st.sampled_from([200, 360, 960]),
)
def test_any_counts_make_a_readable_picture(observed: list[float | None], width: int) -> None:
    labels = [f"2024-W{index + 1:02d}" for index in range(len(observed))]
    svg = epidemic_curve(CurveData(periods=labels, observed=observed), width=width)
    parsed(svg)
    assert "nan" not in svg
    assert "inf" not in svg
