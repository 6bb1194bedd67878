"""The same curves with matplotlib, for papers and notebooks that have it. Colours and marks are those of the SVG charts.

matplotlib is imported when a figure is asked for. A figure is made without ``pyplot``: nothing global changes, and no
window opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anlan.charts import _svg as svg
from anlan.charts._axis import kind_of
from anlan.charts.curve import CurveData
from anlan.charts.style import DARK, LIGHT
from anlan.errors import MissingExtraError
from anlan.texts import DEFAULT_LANGUAGE, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (9.6, 2.9)  # of one curve
_MOST_TICKS = 12
# The first that the machine has; matplotlib's own face has no Chinese.
_FACES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
)


def to_matplotlib(
    curves: CurveData | Sequence[CurveData],
    *,
    axes: Axes | None = None,
    language: str = DEFAULT_LANGUAGE,
    dark: bool = False,
) -> Figure:
    """Draw one epidemic curve, or several under each other, as a matplotlib figure.

    Parameters
    ----------
    curves : CurveData or sequence of CurveData
        What ``epidemic_curve`` draws, with the same marks.
    axes : matplotlib Axes, optional
        Where to draw a single curve. Default: a new figure.
    language : {"zh", "en"}
        Chinese needs a font with Chinese characters on the machine.
    dark : bool, default False
        The colours of the dark theme.

    Returns
    -------
    matplotlib.figure.Figure
        To be shown by a notebook or kept with ``savefig``.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed; the message says how to install it.
    """
    figure_type = _figure_type()
    several = (curves,) if isinstance(curves, CurveData) else tuple(curves)
    theme = DARK if dark else LIGHT
    if axes is None:
        rows = max(len(several), 1)
        figure: Any = figure_type(figsize=(_INCHES[0], _INCHES[1] * rows), layout="constrained")
        figure.set_facecolor(theme["surface"])
        places = figure.subplots(rows, 1, squeeze=False)[:, 0].tolist()
    else:
        figure, places = axes.figure, [axes]
    for place, points in zip(places, several, strict=False):
        _draw(place, points, language, theme)
    found: Figure = figure
    return found


def _figure_type() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        key = "charts.error.matplotlib"
        raise MissingExtraError(say(key, "en"), key=key, values={}) from error
    return Figure


def _draw(axes: Any, points: CurveData, language: str, theme: dict[str, str]) -> None:
    font = _font()
    axes.set_facecolor(theme["surface"])
    _backgrounds(axes, points, language, theme)
    _bars(axes, points, language, theme)
    _lines(axes, points, language, theme)
    axes.set_ylim(bottom=0)
    axes.set_xlim(-0.5, max(len(points.periods), 1) - 0.5)
    axes.set_ylabel(points.unit, color=theme["text-2"], **font)
    axes.set_title(points.title, loc="left", color=theme["text"], **font)
    if points.note:
        axes.set_title(points.note, loc="right", color=theme["text-3"], fontsize="small", **font)
    axes.grid(axis="y", color=theme["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme["line-strong"])
    every = max(1, -(-len(points.periods) // _MOST_TICKS))
    shown = range(0, len(points.periods), every)
    axes.set_xticks(list(shown), [points.periods[index] for index in shown])
    axes.tick_params(colors=theme["text-3"], length=0 if kind_of(points.periods) == "other" else 3)
    if not points.periods:
        axes.text(0.5, 0.5, say("charts.empty", language), ha="center", transform=axes.transAxes, **font)
        return
    legend = axes.legend(
        loc="upper left", bbox_to_anchor=(0, -0.12), ncols=6, frameon=False, prop=_legend_font(font)
    )
    for said in legend.get_texts():
        said.set_color(theme["text-2"])


def _backgrounds(axes: Any, points: CurveData, language: str, theme: dict[str, str]) -> None:
    spans = (
        ([bool(flag) for flag in points.provisional], "accent-tint", 1.0, "charts.provisional"),
        ([not svg.present(value) for value in points.observed], "data-3", 0.4, "charts.no_data"),
    )
    for flags, colour, alpha, key in spans:
        label: str | None = say(key, language)
        for first, end in svg.runs(flags):
            axes.axvspan(
                first - 0.5, end - 0.5, color=theme[colour], alpha=alpha, linewidth=0, label=label, zorder=0
            )
            label = None


def _bars(axes: Any, points: CurveData, language: str, theme: dict[str, str]) -> None:
    found = {
        index for index, alarm in enumerate(points.alarm) if alarm and svg.present(points.observed[index])
    }
    counts = {
        index: float(value) for index, value in enumerate(points.observed) if value is not None and svg.present(value)
    }  # fmt: skip
    plain = [index for index in counts if index not in found]
    style: dict[str, Any] = {"width": 0.78, "linewidth": 0, "zorder": 2}
    axes.bar(plain, [counts[index] for index in plain], color=theme["data"], label=say("charts.observed", language), **style)  # fmt: skip
    late = {
        index: float(value) - counts.get(index, 0.0)
        for index, value in enumerate(points.estimate)
        if value is not None and svg.present(value) and value > counts.get(index, 0.0)
    }
    if late:
        axes.bar(
            list(late), list(late.values()), bottom=[counts.get(index, 0.0) for index in late], width=0.78,
            facecolor="none", edgecolor=theme["accent"], hatch="////", linewidth=0.8, zorder=2,
            label=say("charts.estimate", language),
        )  # fmt: skip
    spans = zip(points.estimate_low, points.estimate_high, strict=False)
    for index, (low, high) in enumerate(spans):
        if low is not None and high is not None and svg.present(low) and svg.present(high):
            axes.plot([index, index], [low, high], color=theme["text"], linewidth=1.0, marker="_", zorder=4)
    if not found:
        return
    places = sorted(found)
    heights = [counts[index] for index in places]
    axes.bar(places, heights, color=theme["accent"], label=say("charts.over", language), **style)
    # Colour is never the only sign.
    axes.scatter(
        places, heights, s=34, facecolor=theme["surface"], edgecolor=theme["accent"], linewidth=1.6, zorder=5
    )
    axes.scatter(places, heights, s=5, color=theme["accent"], zorder=6)


def _lines(axes: Any, points: CurveData, language: str, theme: dict[str, str]) -> None:
    gap = float("nan")
    if svg.finite(points.expected):
        values = [gap if value is None else value for value in points.expected]
        axes.plot(
            values, color=theme["text"], linewidth=1.5, label=say("charts.expected", language), zorder=3
        )
    if svg.finite(points.upper):
        values = [value if value is not None and svg.present(value) else gap for value in points.upper]
        axes.step(
            range(len(values)), values, where="mid", color=theme["text"], linewidth=1.2, linestyle=(0, (5, 3)),
            label=say("charts.upper", language), zorder=3,
        )  # fmt: skip


def _font() -> dict[str, Any]:
    """A face with Chinese where there is one, before matplotlib's own."""
    from matplotlib import font_manager, rcParams

    there = set(font_manager.get_font_names())
    own = [face for face in rcParams["font.sans-serif"] if face in there][:1]
    return {"family": [*[face for face in _FACES if face in there][:1], *own] or None}


def _legend_font(font: dict[str, Any]) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(size="small", **font)
