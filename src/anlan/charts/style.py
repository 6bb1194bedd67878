"""The colours and strokes of charts, as CSS custom properties with the light theme as fallback.

A page that defines the properties on ``:root`` decides the theme; a stand-alone file carries both themes.
Property names: ``--surface --line --text --text-2 --text-3 --accent --accent-tint --data --data-2 --data-3``.
"""

from __future__ import annotations

LIGHT = {
    "page": "#F5F6F7",
    "surface": "#FFFFFF",
    "sunk": "#ECEFF2",
    "line": "#DDE1E6",
    "line-strong": "#848D98",
    "text": "#15191E",
    "text-2": "#444C56",
    "text-3": "#5F6873",
    "accent": "#0B6A66",
    "on-accent": "#FFFFFF",
    "accent-tint": "#E2F0EE",
    "data": "#66717D",
    "data-2": "#88929C",
    "data-3": "#D3D8DE",
}
DARK = {
    "page": "#0F1418",
    "surface": "#161D23",
    "sunk": "#0B0F13",
    "line": "#2A343D",
    "line-strong": "#74828F",
    "text": "#E8ECEF",
    "text-2": "#B5BFC8",
    "text-3": "#93A0AB",
    "accent": "#55C7BB",
    "on-accent": "#062220",
    "accent-tint": "#12312F",
    "data": "#8C98A4",
    "data-2": "#5C6873",
    "data-3": "#36414B",
}
# A Latin face first: Chinese fonts draw quotation marks, dots and the ellipsis full width.
FONTS = (
    'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",'
    '"Noto Sans SC",sans-serif'
)


def style_sheet(*, tokens: bool = False) -> str:
    """The rules that charts need; with ``tokens`` also the two themes, for a file that stands alone."""
    rules = [
        (".chart", "display:block;max-width:100%;height:auto"),
        (".chart text", f"font:400 12px {FONTS};font-variant-numeric:tabular-nums;fill:{_token('text-3')}"),
        (".chart .unit", f"fill:{_token('text-2')}"),
        (".chart .head", f"fill:{_token('text')};font-weight:700"),
        (".chart .end", f"fill:{_token('text')}"),
        (".chart .end.strong", f"fill:{_token('text')};font-weight:700"),
        (".chart .end.quiet", f"fill:{_token('text-3')}"),
        (".chart .surface", f"fill:{_token('surface')}"),
        (".chart .grid", f"stroke:{_token('line')};stroke-width:1;fill:none"),
        (".chart .axis", f"stroke:{_token('line-strong')};stroke-width:1;fill:none"),
        (".chart .bar", f"fill:{_token('data')}"),
        (".chart .over", f"fill:{_token('accent')}"),
        (".chart .ring", f"fill:{_token('surface')};stroke:{_token('accent')};stroke-width:1.8"),
        (".chart .dot", f"fill:{_token('accent')}"),
        (".chart .dot.plain", f"fill:{_token('data')}"),
        (".chart .coming", f"fill:{_token('accent-tint')}"),
        (".chart .hatch", f"stroke:{_token('accent')};stroke-width:1.4;fill:none"),
        (".chart .hatch-edge", f"stroke:{_token('accent')};stroke-width:1;fill:none"),
        (".chart .whisker", f"stroke:{_token('text')};stroke-width:1.2;fill:none"),
        (".chart .gap", f"fill:{_token('data-3')};fill-opacity:.4"),
        (".chart .cross", f"stroke:{_token('text-3')};stroke-width:1.2;fill:none"),
        (".chart .halo", f"stroke:{_token('surface')};stroke-width:3.6;fill:none;stroke-linejoin:round"),
        (".chart .expected", f"stroke:{_token('text')};stroke-width:1.6;fill:none;stroke-linejoin:round"),
        (".chart .bound", f"stroke:{_token('text')};stroke-width:1.3;fill:none;stroke-dasharray:5 3"),
        (".chart .line", f"stroke:{_token('data')};stroke-width:1.6;fill:none;stroke-linejoin:round"),
        (".chart .line.main", f"stroke:{_token('text')}"),
        (".chart .line.second", f"stroke:{_token('data-2')};stroke-dasharray:2 3"),
        (
            ".chart-grid",
            "display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:12px",
        ),
        (".chart-grid figure", "margin:0;break-inside:avoid"),
    ]
    sheet = "".join(f"{selector}{{{body}}}" for selector, body in rules)
    return _themes() + sheet if tokens else sheet


def _token(name: str) -> str:
    return f"var(--{name},{LIGHT[name]})"


def _themes() -> str:
    light, dark = (";".join(f"--{name}:{value}" for name, value in theme.items()) for theme in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{{light}}}}}"
    )
