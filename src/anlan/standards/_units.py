"""Units of the values that go into published rules: converted where that is exact, refused where it is not.

A rule is written in one unit. A value comes in with its unit named, by default the rule's own, and is converted within
its dimension only: parts per billion are no mass concentration without a temperature and a pressure, so they are refused
with a word on why.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.errors import ParameterError

__all__ = ["UNITS", "in_unit", "same_unit"]

UNITS: Mapping[str, tuple[str, float]] = {
    "ng/m³": ("mass concentration in air", 1e-3),
    "µg/m³": ("mass concentration in air", 1.0),
    "mg/m³": ("mass concentration in air", 1e3),
    "ppb": ("mixing ratio", 1e-3),
    "ppm": ("mixing ratio", 1.0),
    "µg/L": ("mass concentration in water", 1e-3),
    "mg/L": ("mass concentration in water", 1.0),
    "g/L": ("mass concentration in water", 1e3),
    "1/L": ("number concentration in water", 1.0),
    "1/100 mL": ("number concentration in water", 10.0),
    "mm": ("length", 1e-3),
    "cm": ("length", 1e-2),
    "m": ("length", 1.0),
    "km": ("length", 1e3),
    "mm/h": ("rain intensity", 1.0),
    "m/s": ("speed", 1.0),
    "km/h": ("speed", 1 / 3.6),
    "m³/s": ("discharge", 1.0),
    "°C": ("temperature", 1.0),
    "kg": ("mass", 1e-3),
    "t": ("mass", 1.0),
    "pH": ("pH", 1.0),
    "%": ("share", 1e-2),
    "1": ("share", 1.0),
    "CNY": ("money", 1.0),
    "10k CNY": ("money", 1e4),
    "M CNY": ("money", 1e6),
    "100M CNY": ("money", 1e8),
    "bn CNY": ("money", 1e9),
    "nSv/h": ("dose rate", 1e-3),
    "µSv/h": ("dose rate", 1.0),
}
"""Dimension and factor to the dimension's first unit, by the spelling that anlan writes."""

_SPELLINGS = str.maketrans({"μ": "µ", "u": "µ"})
_OTHERS = {
    "µg/m3": "µg/m³",
    "mg/m3": "mg/m³",
    "ng/m3": "ng/m³",
    "m3/s": "m³/s",
    "µg/l": "µg/L",
    "mg/l": "mg/L",
    "g/l": "g/L",
    "degC": "°C",
    "℃": "°C",
    "µSv/h": "µSv/h",
    "万元": "10k CNY",
    "亿元": "100M CNY",
    "元": "CNY",
}


def same_unit(unit: str) -> str:
    """A unit in the spelling of ``UNITS``: ``"ug/m3"`` is ``"µg/m³"``.

    Raises
    ------
    ParameterError
        Not a unit that anlan knows.
    """
    text = unit.strip()
    for spelling in (text, text.replace("μ", "µ"), text.translate(_SPELLINGS)):
        if spelling in UNITS:
            return spelling
        if spelling in _OTHERS:
            return _OTHERS[spelling]
    raise ParameterError(f"unit must be one of {', '.join(UNITS)}. Got {unit!r}.")


def in_unit(values: ArrayLike, unit: str, wanted: str, *, name: str = "values") -> NDArray[np.float64]:
    """Values as float64 in another unit of the same dimension; NaN stays NaN.

    Parameters
    ----------
    values : array-like
        Any shape.
    unit, wanted : str
        What the values are in, and what the rule is written in.
    name : str
        The argument, for the message.

    Raises
    ------
    ParameterError
        An unknown unit, one of another dimension, or values that are not numbers.
    """
    given, asked = same_unit(unit), same_unit(wanted)
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} must be numbers in {asked}. Got {values!r}.") from error
    if given == asked:
        return numbers
    (dimension, factor), (wanted_dimension, wanted_factor) = UNITS[given], UNITS[asked]
    if dimension != wanted_dimension:
        accepted = ", ".join(one for one, (of, _) in UNITS.items() if of == wanted_dimension)
        why = (
            " A mixing ratio becomes a mass concentration only at a stated temperature and pressure."
            if dimension == "mixing ratio"
            else ""
        )
        raise ParameterError(f"{name} must be in {accepted}. Got {unit!r}, a {dimension}.{why}")
    return numbers * (factor / wanted_factor)
