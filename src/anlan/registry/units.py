"""The units that indicators may use; a unit that is not here is added here, once, with both names.

The code is what stands in files and tables, and is what is printed. ``of`` says what kind of quantity it is, so that
a page can group indicators; nothing here converts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["UNITS", "Unit", "find_unit"]


@dataclass(frozen=True)
class Unit:
    """A unit: its code (as printed), its names, the quantity, and other spellings in deliveries."""

    code: str
    names: Mapping[str, str]
    of: str
    spellings: tuple[str, ...] = ()


_LISTED = (
    Unit("1", {"en": "index", "zh": "指数"}, "number", ("-", "index", "ratio")),
    Unit("%", {"en": "percent", "zh": "百分比"}, "number", ("percent", "pct", "％")),
    Unit("‰", {"en": "per mille", "zh": "千分比"}, "number", ("permille",)),
    Unit("per_100k", {"en": "per 100,000", "zh": "/10万"}, "number", ("1/100000", "/10万", "per 100000")),
    Unit("case", {"en": "cases", "zh": "例"}, "count", ("cases", "例")),
    Unit("death", {"en": "deaths", "zh": "例死亡"}, "count", ("deaths",)),
    Unit("person", {"en": "persons", "zh": "人"}, "count", ("persons", "人")),
    Unit("event", {"en": "events", "zh": "起"}, "count", ("events", "起")),
    Unit("day", {"en": "days", "zh": "天"}, "time", ("d", "days", "天")),
    Unit("h", {"en": "hours", "zh": "小时"}, "time", ("hour", "hours", "小时")),
    Unit("min", {"en": "minutes", "zh": "分钟"}, "time", ("minute", "minutes", "分钟")),
    Unit(
        "µg/m³",
        {"en": "micrograms per cubic metre", "zh": "微克/立方米"},
        "concentration",
        ("ug/m3", "μg/m³", "µg/m3", "μg/m3"),
    ),
    Unit("mg/m³", {"en": "milligrams per cubic metre", "zh": "毫克/立方米"}, "concentration", ("mg/m3",)),
    Unit("mg/L", {"en": "milligrams per litre", "zh": "毫克/升"}, "concentration", ("mg/l",)),
    Unit(
        "µg/L",
        {"en": "micrograms per litre", "zh": "微克/升"},
        "concentration",
        ("ug/L", "ug/l", "μg/L", "µg/l"),
    ),
    Unit("°C", {"en": "degrees Celsius", "zh": "摄氏度"}, "temperature", ("C", "℃", "degC")),
    Unit("mm", {"en": "millimetres", "zh": "毫米"}, "length", ("毫米",)),
    Unit("m", {"en": "metres", "zh": "米"}, "length", ("米",)),
    Unit("m³/s", {"en": "cubic metres per second", "zh": "立方米/秒"}, "flow", ("m3/s",)),
    Unit("m/s", {"en": "metres per second", "zh": "米/秒"}, "speed", ()),
    Unit("dB(A)", {"en": "decibels (A)", "zh": "分贝(A)"}, "level", ("dBA", "dB")),
)

UNITS: Mapping[str, Unit] = MappingProxyType({unit.code: unit for unit in _LISTED})
_SPELLINGS = {spelling: unit.code for unit in _LISTED for spelling in (unit.code, *unit.spellings)}


def find_unit(text: str) -> Unit | None:
    """The unit of a code or of one of its spellings (``ug/m3`` is ``µg/m³``), or None."""
    code = _SPELLINGS.get(text.strip())
    return None if code is None else UNITS[code]
