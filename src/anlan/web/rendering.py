"""Templates into pages: the Jinja environment and the words, forms and marks that every template may use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from anlan.charts import style_sheet
from anlan.texts import catalogue, say
from anlan.web.drawings import count_stick_svg, ratio_scale_svg
from anlan.web.formats import Formats
from anlan.web.maps import LEVELS, MARK_PATHS
from anlan.web.views.charts import KnownStep
from anlan.web.views.signals import Stratum

LEVEL_NUMERALS = {"blue": "IV", "yellow": "III", "orange": "II", "red": "I"}
STATIC = Path(str(files("anlan.web"))) / "static"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FONT_FACE = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)
_BOLD = re.compile(r"\*\*(.+?)\*\*")


@cache
def environment() -> Environment:
    """The one Jinja environment: escapes everything, and an unknown name is an error, not an empty place."""
    made = Environment(
        loader=PackageLoader("anlan.web", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        static=static_url,
        icon=icon,
        mark=mark,
        sign=sign,
        numeral=LEVEL_NUMERALS.__getitem__,
        levels=LEVELS,
        ratio_scale=ratio_scale_svg,
    )
    made.filters.update(safe_json=safe_json, known_days=known_days, stratum_stick=stratum_stick)
    return made


@dataclass(frozen=True)
class Words:
    """The texts of one language, as a template calls them."""

    language: str

    def t(self, key: str, /, **values: Any) -> str:
        """The text of ``key``."""
        return say(key, self.language, **values)

    def tb(self, key: str, /, **values: Any) -> Markup:
        """The text with ``**words**`` bold. Values are escaped and can bring no marks of their own."""
        safe = {name: str(escape(value)).replace("*", "&#42;") for name, value in values.items()}
        text = str(escape(say(key, self.language))) if not safe else say(key, self.language, **safe)
        return Markup(_BOLD.sub(r"<strong>\1</strong>", text))

    def tn(self, key: str, count: float, /, **values: Any) -> Markup:
        """Like ``tb``, in the form for ``count``: ``key.one`` where the language has one and the count is 1."""
        one = f"{key}.one"
        chosen = one if count == 1 and one in catalogue() else key
        return self.tb(chosen, **values)


def render(template: str, *, language: str, zone: tzinfo, now: datetime, **values: Any) -> str:
    """Fill ``template``. Every page gets its words, forms and language; the rest are its view-models."""
    words = Words(language)
    return (
        environment()
        .get_template(template)
        .render(
            lang=language,
            other_lang="en" if language == "zh" else "zh",
            html_lang="zh-CN" if language == "zh" else "en",
            t=words.t,
            tb=words.tb,
            tn=words.tn,
            f=Formats(language, zone, now),
            words_of=Words,
            formats_of=lambda other: Formats(other, zone, now),
            now=now,
            charts_css=charts_css_url(),
            **values,
        )
    )


@cache
def _stamps() -> Mapping[str, str]:
    return {
        path.relative_to(STATIC).as_posix(): sha256(path.read_bytes()).hexdigest()[:10]
        for path in sorted(STATIC.rglob("*"))
        if path.is_file()
    }


def static_url(name: str) -> str:
    """The address of a file under ``static``, stamped with its content, so that it may be kept for ever."""
    stamp = _stamps().get(name)
    if stamp is None:
        raise KeyError(f"no file {name!r} under web/static")
    return f"/static/{name}?v={stamp}"


@cache
def charts_css() -> bytes:
    """The rules that the drawings of ``anlan.charts`` need, in the same colours."""
    return style_sheet().encode()


@cache
def charts_css_url() -> str:
    return f"/static/css/charts.css?v={sha256(charts_css()).hexdigest()[:10]}"


@cache
def _map_style() -> str:
    """What a map needs when it stands alone: the colours by role, light and dark, and the rules of its parts."""
    css = {
        name: (STATIC / "css" / f"{name}.css").read_text(encoding="utf-8")
        for name in ("tokens", "dark", "components")
    }
    light = _FONT_FACE.sub("", _COMMENT.sub("", css["tokens"]))
    rules = [line for line in css["components"].splitlines() if line.startswith(".map ") and "{" in line]
    dark = _COMMENT.sub("", css["dark"])
    sheet = f"{light}@media (prefers-color-scheme:dark){{{dark}}}" + "".join(rules)
    return re.sub(r"\s+", " ", sheet)


def standalone_map(drawing: Markup) -> str:
    """A drawn map as a file of its own. The drawing carries classes only; here they get the colours of the pages."""
    start, _, rest = str(drawing).partition(">")
    named = start.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    if not drawing:
        return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
    return f"{named}><style>{escape(_map_style())}</style>{rest}"


@lru_cache(maxsize=256)
def icon(name: str, *, small: bool = False) -> Markup:
    """A drawing of the sprite, without a name of its own: the word stands beside it."""
    return Markup('<svg class="icon{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        " s" if small else "", static_url("icons.svg"), name
    )


@lru_cache(maxsize=64)
def mark(level: str, size: str = "") -> Markup:
    """The shape of a level; its word always stands beside it."""
    return Markup(
        '<svg class="mark {} lv-{}" viewBox="-9 -9 18 18" aria-hidden="true"><path d="{}"/></svg>'
    ).format(size, level, MARK_PATHS[level])


def sign(kind: str) -> Markup:
    """Ring (signal), cross (silent) or clock (overdue): the same on every page."""
    shapes = {
        "ring": '<circle cx="8" cy="8" r="6"/><circle class="dot" cx="8" cy="8" r="2.4"/>',
        "cross": '<path d="M3 3l10 10M13 3 3 13"/>',
        "clock": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.5V8l2.4 1.6"/>',
    }
    return Markup(
        f'<svg class="sign sign-{kind}" viewBox="0 0 16 16" aria-hidden="true">{shapes[kind]}</svg>'
    )


def safe_json(text: str) -> Markup:
    """JSON text for a data block: nothing in it can end the block."""
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def known_days(steps: Sequence[KnownStep]) -> str:
    """The days of a track, as its script reads them from an attribute."""
    said = [
        {
            "date": step.at.date().isoformat(),
            "label": f"{step.day} · {step.value}" if step.value else step.day,
        }
        for step in steps
    ]
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def stratum_stick(row: Stratum, top: float) -> Markup:
    """A line of *who*: from expected to reported, on a scale from 0 to ``top``."""
    return count_stick_svg(row.observed, row.expected, top=top, marked=row.marked)
