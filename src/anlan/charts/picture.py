"""What ``plot`` gives: curves that a notebook shows, and that become a file of HTML, SVG or, with matplotlib, others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anlan.charts._svg import escape
from anlan.charts.curve import CurveData, epidemic_curve
from anlan.charts.mpl import to_matplotlib
from anlan.charts.multiples import small_multiples
from anlan.charts.style import style_sheet
from anlan.errors import ParameterError
from anlan.texts import DEFAULT_LANGUAGE, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HTML, _SVG, _MATPLOTLIB = (".html", ".htm"), (".svg",), (".png", ".pdf")
_STYLE = (
    "body{margin:0;background:var(--surface);color:var(--text)}main{max-width:1176px;margin:0 auto;padding:24px 16px}"
    ".chart-grid .chart,main>.chart{width:100%}"
)


@dataclass(frozen=True)
class Picture:
    """Curves ready to be shown. In a notebook it shows itself."""

    curves: Sequence[CurveData]
    language: str = DEFAULT_LANGUAGE

    def svg(self) -> str:
        """One curve as a stand-alone SVG.

        Raises
        ------
        ParameterError
            If there is not exactly one.
        """
        if len(self.curves) != 1:
            values = {"count": len(self.curves)}
            key = "charts.error.one_curve"
            raise ParameterError(say(key, "en", **values), key=key, values=values)
        return epidemic_curve(self.curves[0], language=self.language, standalone=True, heading=True)

    def html(self) -> str:
        """A page that needs nothing else, light and dark; no script."""
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        title = self.curves[0].title if len(self.curves) == 1 else ""
        return (
            f'<!doctype html>\n<html lang="{escape(self.language)}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
            f"<title>{escape(title or say('charts.curve', self.language))}</title>\n"
            f"<style>{style_sheet(tokens=True)}{_STYLE}</style>\n</head>\n<body>\n<main>\n{self._body()}\n</main>\n"
            "</body>\n</html>\n"
        )

    def to_matplotlib(self, *, dark: bool = False) -> Figure:
        """The curves under each other as a matplotlib figure; see ``anlan.charts.to_matplotlib``."""
        return to_matplotlib(self.curves, language=self.language, dark=dark)

    def save(self, path: str | Path) -> Path:
        """Write ``.html`` or ``.svg``, or with matplotlib ``.png`` or ``.pdf``.

        Raises
        ------
        ParameterError
            For another ending, or several curves in one ``.svg``.
        MissingExtraError
            For ``.png`` and ``.pdf`` without matplotlib.
        """
        target = Path(path)
        ending = target.suffix.lower()
        if ending in _HTML:
            target.write_text(self.html(), encoding="utf-8")
        elif ending in _SVG:
            target.write_text(self.svg(), encoding="utf-8")
        elif ending in _MATPLOTLIB:
            self.to_matplotlib().savefig(target)
        else:
            values = {"given": target.name, "accepted": ", ".join((*_HTML, *_SVG, *_MATPLOTLIB))}
            key = "charts.error.ending"
            raise ParameterError(say(key, "en", **values), key=key, values=values)
        return target

    def _body(self) -> str:
        if len(self.curves) == 1:
            return epidemic_curve(self.curves[0], language=self.language, heading=True)
        return small_multiples(self.curves, language=self.language)

    def _repr_html_(self) -> str:
        return f"<style>{style_sheet()}</style>{self._body()}"
