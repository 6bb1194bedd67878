"""One cell as text -> one value with its qualifier, or the reason why not.

The scalar reader is the rule; ``anlan.intake.columns`` reads whole columns and must agree with it. Dates have their
own module (``periods``). What a source alone can know (a decimal comma, -999 for missing) is declared in
``ValueRules`` and never guessed here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from anlan.intake.refusals import Refusal
from anlan.texts import Sentence

__all__ = ["MISSING_WORDS", "NOT_DETECTED_WORDS", "SUSPECTS", "Value", "ValueRules", "fold", "read_value"]

MISSING_WORDS = frozenset(
    {"", "-", "--", "---", "/", "\\", ".", "...", "na", "n/a", "nan", "null", "none", "#n/a"}
    | {"缺", "缺测", "缺失", "缺报", "无数据", "未测", "未监测", "未报", "停测"}
)
"""Cells that mean "no value", after folding and in lower case. 无 is not here: it may mean none or zero."""

NOT_DETECTED_WORDS = frozenset(
    {
        "nd",
        "n.d.",
        "n.d",
        "bdl",
        "<lod",
        "<dl",
        "<mdl",
        "<检出限",
        "未检出",
        "未检测出",
        "低于检出限",
        "小于检出限",
    }
)
"""Cells that say "below a detection limit that is not stated here", after folding and in lower case."""

SUSPECTS = (-999.0, -9999.0, -99999.0, -999.9, -9999.9, -999.99, -9999.99)
"""Numbers that mean "no value" nearly everywhere; refused unless a source declares them or a minimum allows them."""

# Full-width forms one by one, never NFKC: that would read the footnote mark in "5①" as the number 51 and "10²" as 102.
_FOLD = {0xFF01 + offset: 0x21 + offset for offset in range(94)}
_FOLD |= dict.fromkeys(
    [0x3000, 0x00A0, 0x2002, 0x2003, 0x2007, 0x2008, 0x2009, 0x200A, 0x202F, 0x09, 0x0A, 0x0D], 0x20
)
_FOLD |= dict.fromkeys([0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0x2500], 0x2D)
_FOLD |= {0x2264: "<=", 0x2266: "<=", 0x2A7D: "<=", 0x2265: ">=", 0x2267: ">=", 0x2A7E: ">=", 0x2026: "..."}  # type: ignore[dict-item]
_FOLD |= dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF], None)  # type: ignore[arg-type]

_QUALIFIER_WORDS = (
    ("不低于", ">="), ("不少于", ">="), ("不小于", ">="), ("不高于", "<="), ("不大于", "<="), ("不超过", "<="),
    ("小于", "<"), ("低于", "<"), ("少于", "<"), ("不足", "<"), ("大于", ">"), ("高于", ">"), ("超过", ">"),
)  # fmt: skip
_QUALIFIED = re.compile(r"^(<=|>=|=<|=>|<|>)\s*(.+)$")
_DETECTION_MARK = re.compile(r"^(\d+(?:\.\d+)?)\s*L$")
_POINT = re.compile(r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$", re.ASCII)
_GROUPED_POINT = re.compile(r"^[+-]?\d{1,3}(?:([, '])\d{3})(?:\1\d{3})*(?:\.\d+)?$", re.ASCII)
_COMMA = re.compile(r"^[+-]?(?:\d+(?:,\d*)?|,\d+)(?:[eE][+-]?\d{1,3})?$", re.ASCII)
_GROUPED_COMMA = re.compile(r"^[+-]?\d{1,3}(?:([. '])\d{3})(?:\1\d{3})*(?:,\d+)?$", re.ASCII)
_LOOKS_DECIMAL_COMMA = re.compile(r"^[+-]?\d+,(?:\d{1,2}|\d{4,})$", re.ASCII)
_LONGEST_EXACT = 15
_SHOWN_CHARACTERS = 60

Percent = Literal["as_written", "as_fraction", "refused"]


@dataclass(frozen=True)
class ValueRules:
    """What may stand in a value column and how it is read.

    Parameters
    ----------
    whole : bool
        Only whole numbers (counts).
    minimum, maximum : float, optional
        Inclusive bounds; beyond them the cell is refused.
    qualifiers : bool
        ``<0.5``, ``>200``, ``0.05L`` and ``ND`` are accepted. For counts a source has to declare it, since
        "<5 cases" is an interval and not a measurement below a detection limit.
    decimal_comma : bool
        ``1.234,5`` means 1234.5. Without it a comma groups thousands.
    percent : {"as_written", "as_fraction", "refused"}
        ``87.4%`` is 87.4, 0.874, or refused.
    sentinels : tuple of float
        Numbers by which the source means "no value", such as -999.
    missing_words, zero_words, units : tuple of str
        Further words for "no value" and for zero, and unit words that may follow a number.
    """

    whole: bool = False
    minimum: float | None = None
    maximum: float | None = None
    qualifiers: bool = True
    decimal_comma: bool = False
    percent: Percent = "as_written"
    sentinels: tuple[float, ...] = ()
    missing_words: tuple[str, ...] = ()
    zero_words: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def accepted(self) -> Sentence:
        """What this column accepts, as a sentence."""
        kind = "intake.accepted.whole" if self.whole else "intake.accepted.number"
        if self.minimum is not None and self.maximum is not None:
            return Sentence(
                f"{kind}_between", {"minimum": _shown(self.minimum), "maximum": _shown(self.maximum)}
            )
        if self.minimum is not None:
            return Sentence(f"{kind}_from", {"minimum": _shown(self.minimum)})
        return Sentence(kind)


@dataclass(frozen=True)
class Value:
    """A value as it was said: the number, its qualifier, and how the text had to be read.

    ``qualifier`` is ``""``, ``<``, ``<=``, ``>``, ``>=`` or ``nd`` (below a limit that is not stated; no number).
    A missing value has no number and no qualifier. ``how`` names what was done beyond reading plain digits.
    """

    number: float | None
    qualifier: str = ""
    how: tuple[str, ...] = ()

    @property
    def is_missing(self) -> bool:
        return self.number is None and not self.qualifier


@dataclass
class _Reading:
    raw: str
    rules: ValueRules
    how: list[str] = field(default_factory=list)

    def refuse(self, reason: str, suggestion: Sentence | None = None, **values: Any) -> Refusal:
        return Refusal(f"intake.value.{reason}", _short(self.raw), self.rules.accepted(), values, suggestion)


def fold(text: str) -> str:
    """Full-width digits, letters and punctuation to ASCII, dashes to ``-``, odd spaces to one; trimmed."""
    if text.isascii() and "\t" not in text and "\n" not in text and "\r" not in text:
        return text.strip()
    return text.translate(_FOLD).strip()


def read_value(raw: str | None, rules: ValueRules = ValueRules()) -> Value | Refusal:  # noqa: B008 (frozen)
    """Read one cell of a value column.

    Parameters
    ----------
    raw : str or None
        The cell as text; ``None`` is an empty cell.
    rules : ValueRules
        What the column accepts and what its source has declared.

    Returns
    -------
    Value or Refusal
        Never raises for a text: what cannot be read comes back as the reason.
    """
    reading = _Reading(raw or "", rules)
    text = fold(reading.raw)
    if text != reading.raw.strip() and any(0xFF01 <= ord(character) <= 0xFF5E for character in reading.raw):
        reading.how.append("full_width")
    lowered = text.lower()
    if lowered in MISSING_WORDS or (text and not text.strip("-")) or _declared(text, rules.missing_words):
        return Value(None, "", (*reading.how, "missing_word") if text else ())
    if _declared(text, rules.zero_words):
        return _checked(0.0, "", reading)
    if lowered in NOT_DETECTED_WORDS:
        if not rules.qualifiers:
            return reading.refuse("qualified", Sentence("intake.suggest.original_number"))
        return Value(None, "nd", (*reading.how, "not_detected"))
    qualifier, text = _qualifier(text, reading)
    number = _number(text, reading)
    if isinstance(number, Refusal):
        return number
    return _checked(number, qualifier, reading)


def _declared(text: str, words: tuple[str, ...]) -> bool:
    return bool(words) and text.lower() in {fold(word).lower() for word in words}


def _qualifier(text: str, reading: _Reading) -> tuple[str, str]:
    for word, sign in _QUALIFIER_WORDS:
        if text.startswith(word):
            text = sign + text.removeprefix(word)
            break
    if found := _QUALIFIED.match(text):
        reading.how.append("qualifier")
        return {"=<": "<=", "=>": ">="}.get(found[1], found[1]), found[2]
    # Chinese monitoring reports give "not detected" as the detection limit followed by L.
    if reading.rules.qualifiers and (found := _DETECTION_MARK.match(text)):
        reading.how.append("detection_mark")
        return "<", found[1]
    return "", text


def _number(text: str, reading: _Reading) -> float | Refusal:
    rules = reading.rules
    for unit in rules.units:
        if unit and text.endswith(unit) and text[: -len(unit)].rstrip()[-1:].isdigit():
            text = text[: -len(unit)].rstrip()
            reading.how.append("unit")
            break
    is_percent = text.endswith("%")
    if is_percent:
        if rules.percent == "refused":
            return reading.refuse("percent")
        text = text[:-1].rstrip()
        reading.how.append("percent")
    plain, grouped, mark = (
        (_COMMA, _GROUPED_COMMA, ",") if rules.decimal_comma else (_POINT, _GROUPED_POINT, ".")
    )
    if found := grouped.match(text):
        text = text.replace(found[1], "")
        reading.how.append("thousands")
    if not plain.match(text):
        return _not_a_number(text, reading)
    if len(text.lstrip("+-0")) > _LONGEST_EXACT and text.lstrip("+-").isdigit():
        return reading.refuse("too_long", digits=_LONGEST_EXACT)
    number = float(text.replace(mark, "."))
    if not math.isfinite(number):
        return reading.refuse("out_of_reach")
    if is_percent and rules.percent == "as_fraction":
        # In decimal, since 87.4 / 100 is 0.8740000000000001 in floating point.
        number = float(Decimal(text.replace(mark, ".")).scaleb(-2))
    return number


def _not_a_number(text: str, reading: _Reading) -> Refusal:
    if not reading.rules.decimal_comma and _LOOKS_DECIMAL_COMMA.match(text):
        return reading.refuse("comma", Sentence("intake.suggest.decimal_comma"))
    if reading.rules.decimal_comma and re.match(r"^[+-]?\d+\.\d+$", text, re.ASCII):
        return reading.refuse("point", Sentence("intake.suggest.decimal_point"))
    if text.startswith("#"):
        return reading.refuse("error_cell")
    return reading.refuse("not_a_number")


def _checked(number: float, qualifier: str, reading: _Reading) -> Value | Refusal:
    rules = reading.rules
    if not qualifier and number in rules.sentinels:
        return Value(None, "", (*reading.how, "sentinel"))
    if qualifier and not rules.qualifiers:
        return reading.refuse("qualified", Sentence("intake.suggest.original_number"))
    if rules.whole and number != int(number):
        return reading.refuse("not_whole")
    if rules.minimum is not None and number < rules.minimum:
        suggestion = (
            Sentence("intake.suggest.sentinel", {"raw": _shown(number)}) if number in SUSPECTS else None
        )
        return reading.refuse("below", suggestion, minimum=_shown(rules.minimum))
    if rules.minimum is None and number in SUSPECTS:
        return reading.refuse("suspect", Sentence("intake.suggest.sentinel", {"raw": _shown(number)}))
    if rules.maximum is not None and number > rules.maximum:
        return reading.refuse("above", maximum=_shown(rules.maximum))
    return Value(number + 0.0, qualifier, tuple(reading.how))  # + 0.0: there is no minus zero


def _short(raw: str) -> str:
    return raw if len(raw) <= _SHOWN_CHARACTERS else raw[: _SHOWN_CHARACTERS - 1] + "…"


def _shown(number: float) -> str:
    return f"{number:.15g}"
