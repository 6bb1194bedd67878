"""Curves from results, as pages, as SVG, and with matplotlib where it is installed: the same data each time."""

from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from anlan.charts import CurveData, Picture, curves_of, to_matplotlib
from anlan.charts.style import DARK, LIGHT
from anlan.errors import MissingExtraError, ParameterError
from anlan.stats.counts import ears_c1

matplotlib = pytest.importorskip("matplotlib")
colours = pytest.importorskip("matplotlib.colors")


def curve(**changes: Any) -> CurveData:
    data: dict[str, Any] = {
        "periods": [f"2024-W{week:02d}" for week in range(1, 9)],
        "observed": [2.0, 3.0, None, 4.0, 2.0, 3.0, 9.0, 5.0],
        "expected": [2.5] * 8,
        "upper": [6.0] * 7 + [None],
        "alarm": [False] * 6 + [True, False],
        "provisional": [False] * 7 + [True],
        "estimate": [None] * 7 + [8.0],
        "estimate_low": [None] * 7 + [6.0],
        "estimate_high": [None] * 7 + [11.0],
        "title": "Measles",
        "unit": "cases per week",
        "note": "as of 2024-03-01",
    }
    return CurveData(**{**data, **changes})


def heights(axes: Any, colour: str) -> list[float]:
    return [bar.get_height() for bar in axes.patches if colours.to_hex(bar.get_facecolor()) == colour.lower()]


def test_curves_of_a_detection_hold_its_numbers() -> None:
    counts = np.array([[2, 3, 2, 3, 2, 3, 2, 19, np.nan], [0] * 9], dtype=float)
    found = ears_c1(counts, evaluate=slice(6, None))
    first, second = curves_of(found, periods=["a", "b", "c"], titles=["one", "two"], unit="cases")
    assert first.observed == [2.0, 19.0, None]
    assert first.alarm == [False, True, False]
    assert first.expected[0] is None
    assert first.upper[1] == pytest.approx(found.upper[0, 1])
    assert (first.title, second.title, first.unit) == ("one", "two", "cases")
    with pytest.raises(ParameterError, match="periods must be as long as periods"):
        curves_of(found, periods=["a"])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_matplotlib_draws_the_same_marks(language: str) -> None:
    figure = to_matplotlib(curve(), language=language)
    axes: Any = figure.axes[0]
    assert heights(axes, LIGHT["data"]) == [2.0, 3.0, 4.0, 2.0, 3.0, 5.0]
    assert heights(axes, LIGHT["accent"]) == [9.0]
    expected, *_ = (line for line in axes.lines if len(line.get_xdata()) == 8)
    np.testing.assert_array_equal(expected.get_ydata(), [2.5] * 8)
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert len(said) == len(set(said)) == 7
    assert ("观测" in "".join(said) or "已报" in "".join(said)) == (language == "zh")
    # Ring and dot on the alarm: colour is never the only sign.
    assert [tuple(offset) for offset in axes.collections[-1].get_offsets()] == [(6.0, 9.0)]
    assert axes.get_ylim()[0] == 0
    assert axes.get_title(loc="left") == "Measles"


def test_matplotlib_draws_several_and_into_given_axes(tmp_path: Path) -> None:
    figure = to_matplotlib([curve(), curve(title="Mumps")], language="en", dark=True)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Measles", "Mumps"]
    assert colours.to_hex(figure.get_facecolor()) == DARK["surface"].lower()
    again = to_matplotlib(curve(title="Own place"), axes=figure.axes[0], language="en")
    assert again is figure
    assert figure.axes[0].get_title(loc="left") == "Own place"
    empty = to_matplotlib(CurveData(periods=[], observed=[]), language="en")
    empty.savefig(tmp_path / "empty.png")
    to_matplotlib([], language="en").savefig(tmp_path / "none.png")


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtraError, match="pip install matplotlib"):
        Picture([curve()], "en").to_matplotlib()


def test_a_picture_becomes_files_by_their_ending(tmp_path: Path) -> None:
    picture = Picture([curve()], "en")
    svg = picture.save(tmp_path / "one.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(svg)
    assert "Measles" in [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")]
    page = (
        Picture([curve(), curve(title="<b>&")], "zh").save(tmp_path / "all.html").read_text(encoding="utf-8")
    )
    assert page.count("<svg") == 2
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=", page)
    assert picture.save(tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert picture.save(tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in picture._repr_html_()
    with pytest.raises(ParameterError, match=r"must end in one of .html.*Got one.docx"):
        picture.save(tmp_path / "one.docx")
    with pytest.raises(ParameterError, match="An .svg holds one series. Got 2"):
        Picture([curve(), curve()]).save(tmp_path / "two.svg")
