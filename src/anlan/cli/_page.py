"""The picture of ``anlan detect --plot``: one HTML file, no script, nothing fetched, light, dark and print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anlan import __version__
from anlan.charts import CurveData, epidemic_curve, escape, small_multiples, style_sheet
from anlan.cli._report import Report
from anlan.frames import curves

MAX_ROWS = 500
_FEW = 3  # up to so many series each get a wide chart

_STYLE = """
body{margin:0;background:var(--page);color:var(--text);
font:15px/22px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","PingFang SC","Microsoft YaHei",
"Noto Sans CJK SC","Noto Sans SC",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1176px;margin:0 auto;padding:24px 16px 32px}
h1{font-size:26px;line-height:34px;margin:0 0 4px}
h2{font-size:17px;line-height:24px;margin:28px 0 8px}
p{margin:0 0 4px;color:var(--text-2)}
.small{font-size:13px;line-height:20px;color:var(--text-3)}
.card{background:var(--surface);border:1px solid var(--line);border-radius:6px;padding:16px 20px;margin:12px 0;
break-inside:avoid}
.card h3{font-size:15px;line-height:22px;margin:0 0 8px;overflow-wrap:anywhere}
.chart-grid .chart,.wide .chart,.narrow .chart{width:100%}
.chart-grid figure{background:var(--surface);border:1px solid var(--line);border-radius:6px;padding:12px 14px}
.narrow{display:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th{font-size:13px;line-height:20px;color:var(--text-3);font-weight:400;text-align:left}
th,td{padding:7px 16px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
th.n,td.n{text-align:right;white-space:nowrap}
td.k{max-width:20em}
td:last-child{white-space:nowrap}
@media (max-width:700px){.wide{display:none}.narrow{display:block}.card{padding:12px}h1{font-size:22px;line-height:30px}}
@media print{body{background:none}main{max-width:none;padding:0}body{font-size:12.5px;line-height:20px}.wide{display:block}.narrow{display:none}}
"""


def page(report: Report, panels: int) -> str:
    """The whole file: the finding, how it came about, the series with alarms first, the alarms as a table."""
    words = report.read_words()
    title = f"{words['file']}: {report.titles()}"
    parameters = ", ".join(f"{name} = {value}" for name, value in report.main.parameters.items())
    if parameters:
        parameters = f" ({parameters})"
    parts = [
        f"<h1>{escape(report.titles())}</h1>",
        f"<p>{escape(report.says('cli.page.read', value=report.value, **words))}</p>",
        f"<p>{escape(report.says('cli.page.method', method=report.main.method, parameters=parameters, version=__version__))}</p>",
        *(f'<p class="small">{escape(line)}</p>' for line in _account(report)),
        *_charts(report, panels),
        *_alarm_table(report),
        *_comparison(report),
    ]
    style = style_sheet(tokens=True) + _STYLE
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="{report.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _account(report: Report) -> Iterable[str]:
    if report.gaps():
        yield report.says("cli.detect.gaps", count=report.gaps())
    yield " ".join(report.remarks())


def _charts(report: Report, panels: int) -> list[str]:
    n_series = report.main.grid.values.shape[0]
    unit = report.says(f"charts.unit.{report.main.grid.step}", value=report.value)
    drawn = curves(report.main, most=panels, unit=unit, language=report.language)
    if n_series <= _FEW:
        return [_wide_chart(curve, report.language) for curve in drawn]
    parts = [f"<h2>{escape(report.says('cli.page.series'))}</h2>"]
    if n_series > panels:
        said = report.says("cli.page.panels", shown=panels, series=n_series)
        parts.append(f'<p class="small">{escape(said)}</p>')
    parts.append(f'<p class="small">{escape(report.says("cli.page.legend"))}</p>')
    parts.append(small_multiples(drawn, language=report.language))
    return parts


def _wide_chart(curve: CurveData, language: str) -> str:
    """Drawn twice, since text in a picture that shrinks to a phone cannot be read; the style sheet shows one."""
    wide = epidemic_curve(curve, language=language, width=960, height=300)
    narrow = epidemic_curve(curve, language=language, width=360, height=280)
    return (
        f'<section class="card"><h3>{escape(curve.title)}</h3>'
        f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div></section>'
    )


def _alarm_table(report: Report) -> list[str]:
    count = report.alarms.height
    if not count:
        return []
    parts = [f"<h2>{escape(report.says('cli.page.alarms'))}</h2>"]
    if count > MAX_ROWS:
        said = report.says("cli.page.more", shown=MAX_ROWS, count=count)
        parts.append(f'<p class="small">{escape(said)}</p>')
    n_keys = len(report.key_columns())
    rows = [report.cells(row) for row in report.alarms.head(MAX_ROWS).to_dicts()]
    kinds = ["k"] * n_keys + ["n"] * 4 + ["k"]
    return [*parts, _table(report.headings(), rows, kinds)]


def _comparison(report: Report) -> list[str]:
    compared = report.compared()
    if not compared:
        return []
    heading = f"<h2>{escape(report.says('cli.compare.title'))}</h2>"
    rows = [report.comparison_cells(item) for item in compared]
    return [heading, _table(report.comparison_headings(), rows, ["k"] + ["n"] * 5)]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str]) -> str:
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(said)}</th>'
        for said, kind in zip(headings, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{kind}">{escape(said)}</td>' for said, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="card scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
