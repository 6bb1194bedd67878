"""Guess which column is what, from its header and from what stands in it. Every guess has a confidence and a reason.

Headers weigh most where they are usual words. Contents can confirm or overrule them: a column called 日期 that holds
no date is not the period. Two columns that fit one role equally well are both marked unsure, never picked in silence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field, replace

import polars as pl

from anlan.intake.cells import Value, fold, read_value
from anlan.intake.columns import texts_of
from anlan.intake.files import RawTable
from anlan.intake.mapping import SINGLE_ROLES, ColumnUse, Declared, Mapping, Role, header_key
from anlan.intake.periods import Period, PeriodRules, read_period
from anlan.texts import Sentence

__all__ = ["Vocabulary", "guess_mapping"]

_SAMPLE = 400

# Words by role. A header that equals one is certain, one that contains one is likely.
_WORDS: AnyMapping[Role, tuple[str, ...]] = {
    "known_at": ("known_at", "known_on", "known_since", "published", "published_at", "获知时间", "发布时间", "发布日期", "数据发布日期", "上报时间", "录入时间", "报出时间"),
    "period": (
        "日期", "时间", "监测时间", "监测日期", "采样时间", "采样日期", "报告日期", "发病日期", "统计日期", "统计时间", "月份", "年月", "周次", "年份",
        "观测时间", "统计期", "报告期", "date", "day", "week", "month", "year", "time", "period", "datetime", "timestamp", "epiweek", "date_of_onset",
    ),
    "area": (
        "地区", "区县", "县区", "县市区", "县(市、区)", "县(市区)", "县市", "乡镇", "现住乡镇", "现住址", "现住地区", "所属区域", "行政区", "行政区划", "行政区划代码",
        "区划代码", "地区编码", "地区代码", "城市", "省份", "省市", "街道", "area", "area_code", "adcode", "county", "district", "province", "city",
        "region", "township", "state", "location", "county_adcode", "township_code", "fips",
    ),
    "site": ("站点", "测站", "监测点", "监测站", "断面", "断面名称", "站名", "站码", "点位", "点位名称", "监测点位", "测点", "水库", "site", "site_code", "station", "station_id", "gauge", "section"),
    "indicator": ("疾病", "病种", "疾病名称", "病名", "指标", "指标名称", "监测项目", "监测指标", "污染物", "项目", "参数", "disease", "indicator", "parameter", "pollutant", "variable", "item", "measure", "pathogen"),
    "value": (
        "例数", "病例数", "发病数", "发病例数", "报告例数", "报告病例数", "数值", "监测值", "观测值", "测定值", "浓度", "数量", "值", "结果", "人数", "起数", "水位", "雨量", "流量",
        "cases", "count", "counts", "value", "number", "n", "concentration", "amount", "reading", "result", "total", "observed",
    ),
    "stratum": ("年龄组", "年龄段", "年龄", "性别", "职业", "人群分类", "血清型", "型别", "age_group", "agegroup", "age", "sex", "gender", "serotype", "stratum", "group"),
    "unit": ("单位", "计量单位", "量纲", "unit", "units", "uom"),
    "reporter": ("报告单位", "报告机构", "填报单位", "上报单位", "医疗机构", "医院", "报送单位", "监测机构", "reporter", "hospital", "facility", "reporting_unit", "laboratory"),
    "external_id": ("编号", "卡片编号", "卡片id", "记录编号", "external_id", "record_id", "case_id", "id"),
    "ignore": ("序号", "备注", "说明", "no", "no.", "remark", "remarks", "note", "notes", "comment", "source", "doi", "数据来源", "填报人", "审核人", "联系电话"),
}  # fmt: skip
_STRATUM_KEYS = {
    "年龄组": "age_group", "年龄段": "age_group", "年龄": "age", "性别": "sex", "gender": "sex", "职业": "occupation", "人群分类": "occupation",
    "血清型": "serotype", "型别": "serotype", "agegroup": "age_group",
}  # fmt: skip
_AREA_CODE = re.compile(
    r"^(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])\d{4}(?:\d{3}|\d{6})?$|^100000$"
)
_AREA_NAME = re.compile(r"(?:省|市|区|县|镇|乡|街道|州|盟|旗|林场|茶场|开发区|工业园)$")
_BRACKETS = re.compile(r"[(\[].*?[)\]]")


@dataclass(frozen=True)
class Vocabulary:
    """Names and codes that the registry knows, folded; they make guesses from contents sure."""

    areas: Collection[str] = ()
    sites: Collection[str] = ()
    indicators: Collection[str] = ()


@dataclass
class _Seen:
    """What a sample of a column holds, as shares of its non-empty cells."""

    filled: int
    period: float
    number: float
    area_code: float
    area_name: float
    known_area: float
    known_site: float
    known_indicator: float
    distinct: int
    texts: list[str] = field(default_factory=list)


def guess_mapping(
    table: RawTable,
    vocabulary: Vocabulary = Vocabulary(),  # noqa: B008 (frozen)
    declared: Declared = Declared(),  # noqa: B008 (frozen)
) -> Mapping:
    """Guess the mapping of a table.

    Parameters
    ----------
    table : RawTable
    vocabulary : Vocabulary
        What the registry knows; without it the guess rests on headers and forms alone.
    declared : Declared
        What the source has declared about its cells.

    Returns
    -------
    Mapping
        A role for every column. ``Mapping.unsure`` lists what should be confirmed and ``Mapping.problems`` what is missing;
        a guess that lacks something is returned, not raised.
    """
    seen = [_look(table.column(index), vocabulary, declared) for index in range(table.n_columns)]
    ranked = [_rank(table.header[index], seen[index], vocabulary) for index in range(table.n_columns)]
    columns = _settle(table.header, ranked, seen)
    columns = _split_time(columns, seen)
    return Mapping(_name_wide_columns(columns, vocabulary), {}, declared)


def _look(column: pl.Series, vocabulary: Vocabulary, declared: Declared) -> _Seen:
    step = max(1, len(column) // _SAMPLE)
    texts = [fold(text) for text in texts_of(column.gather_every(step).head(_SAMPLE)).to_list()]
    filled = [text for text in texts if text]
    share = 1 / len(filled) if filled else 0.0
    rules, periods = declared.value_rules(), declared.period_rules()
    # A two-part date that only lacks its declaration is still a date.
    loose = PeriodRules(periods.date_order or "dmy", periods.weeks, periods.year or 2000)
    distinct = set(filled)
    read = {text: read_value(text, rules) for text in distinct}
    numbers = {t for t, value in read.items() if isinstance(value, Value)}
    dates = {text for text in distinct if isinstance(read_period(text, loose), Period)}

    def part(chosen: Collection[str]) -> float:
        return sum(1 for text in filled if text in chosen) * share

    return _Seen(
        filled=len(filled),
        period=part(dates),
        number=part(numbers),
        area_code=part({text for text in distinct if _AREA_CODE.match(text)}),
        area_name=part({text for text in distinct if _AREA_NAME.search(text)}),
        known_area=part(vocabulary.areas),
        known_site=part(vocabulary.sites),
        known_indicator=part({text for text in distinct if text in vocabulary.indicators}),
        distinct=len(distinct),
        texts=sorted(distinct)[:50],
    )


def _words(header: str) -> dict[Role, float]:
    key = header_key(header)
    bare = header_key(_BRACKETS.sub("", fold(header)))
    found: dict[Role, float] = {}
    if not key:
        return found
    for role, words in _WORDS.items():
        if key in words or bare in words:
            found[role] = 1.0
        else:
            inside = [
                word
                for word in words
                if len(word) > (1 if not word.isascii() else 3) and _contains(bare, word)
            ]
            if inside:
                found[role] = 0.55 + 0.35 * max(len(word) for word in inside) / len(bare)
    return found


def _contains(header: str, word: str) -> bool:
    if not word.isascii():
        return word in header
    return re.search(rf"(?:^|[_\W]){re.escape(word)}(?:[_\W]|$)", header) is not None


def _rank(header: str, seen: _Seen, vocabulary: Vocabulary) -> dict[Role, tuple[float, Sentence]]:
    words = _words(header)
    ranks: dict[Role, tuple[float, Sentence]] = {}

    def offer(role: Role, score: float, why: str) -> None:
        if score > ranks.get(role, (0.0, None))[0]:
            ranks[role] = (
                round(min(score, 0.99), 3),
                Sentence(f"intake.reason.{why}", {"header": header or "?"}),
            )

    if not seen.filled:
        offer("ignore", 0.9, "empty")
        return ranks
    is_date, is_number = seen.period > 0.8, seen.number > 0.8
    fits = {
        "period": seen.period, "known_at": seen.period, "value": seen.number,
        "area": max(seen.area_code, seen.area_name, seen.known_area, 0.6 if not is_number else 0.1),
        "indicator": max(seen.known_indicator, 0.85 if not is_number else 0.1), "site": max(seen.known_site, 0.9),
    }  # fmt: skip
    for role, score in words.items():
        fit = fits.get(role, 1.0)
        # A usual word over unusual contents is a doubt, not a certainty.
        offer(
            role,
            0.97 * score * (1.0 if fit >= 0.8 else 0.35 + 0.6 * fit),
            "header" if fit >= 0.8 else "header_doubt",
        )
    if seen.known_area > 0.8:
        offer("area", 0.93 + 0.02 * (not words), "known_areas")
    elif seen.area_code > 0.9 and seen.area_code >= seen.number - 0.1:
        offer("area", 0.85, "area_codes")
    elif seen.area_name > 0.8 and not words:
        offer("area", 0.7, "area_names")
    if seen.known_site > 0.8:
        offer("site", 0.93, "known_sites")
    if seen.known_indicator > 0.8:
        offer("indicator", 0.94, "known_indicators")
    if is_date and seen.area_code < 0.5 and not words:
        offer("period", 0.6 if is_number else 0.75, "dates")
    if is_number and not words and seen.area_code < 0.5:
        offer("value", 0.55, "numbers")
    if header and header_key(header) in {header_key(name) for name in vocabulary.indicators} and is_number:
        offer("value", 0.95, "indicator_header")
    if not ranks:
        offer("ignore", 0.5, "nothing_known")
    return ranks


def _settle(
    headers: Sequence[str], ranked: Sequence[dict[Role, tuple[float, Sentence]]], seen: Sequence[_Seen]
) -> list[ColumnUse]:
    columns = []
    for index, ranks in enumerate(ranked):
        role, (score, reason) = max(ranks.items(), key=lambda item: item[1][0])
        key = (
            _STRATUM_KEYS.get(header_key(headers[index]), header_key(headers[index]))
            if role == "stratum"
            else ""
        )
        columns.append(ColumnUse(index, headers[index], role, key, score, reason))
    for single in SINGLE_ROLES:
        rivals = sorted((c for c in columns if c.role == single), key=lambda column: -column.confidence)
        if single == "area" and len(rivals) > 1:
            rivals = _finest_area_first(rivals, seen)
        for place, column in enumerate(rivals):
            if len(rivals) == 1:
                break
            columns[column.index] = _after_contest(column, place, rivals)
    return columns


def _after_contest(column: ColumnUse, place: int, rivals: Sequence[ColumnUse]) -> ColumnUse:
    other = rivals[1 if place == 0 else 0]
    values = {"header": column.header or "?", "other": other.header or "?"}
    if place == 0:
        close = other.confidence > column.confidence - 0.15
        doubt = Sentence("intake.reason.rival", values)
        return replace(column, confidence=min(column.confidence, 0.6), reason=doubt) if close else column
    return replace(
        column, role="ignore", key="", confidence=0.5, reason=Sentence("intake.reason.lost", values)
    )


def _finest_area_first(rivals: list[ColumnUse], seen: Sequence[_Seen]) -> list[ColumnUse]:
    """Codes before names, then the column with more different places: a township says its county, not the reverse."""
    order = sorted(rivals, key=lambda c: (-(seen[c.index].area_code > 0.9), -seen[c.index].distinct))
    first, second = order[0], order[1]
    clear = seen[first.index].distinct > seen[second.index].distinct or seen[first.index].area_code > 0.9
    return [
        first,
        *(
            replace(c, confidence=min(c.confidence, first.confidence - 0.2 if clear else 1.0))
            for c in order[1:]
        ),
    ]


_CLOCK = re.compile(r"^\d{1,2}(?::\d{2}(?::\d{2})?|[时点](?:\d{1,2}分?)?)$")
_HOUR = re.compile(r"^(?:[01]?\d|2[0-4])$")


def _split_time(columns: list[ColumnUse], seen: Sequence[_Seen]) -> list[ColumnUse]:
    """A column of clock times beside a column of dates is its time of day."""
    for column in columns:
        texts = seen[column.index].texts
        named_hour = header_key(column.header) in {"小时", "时", "时次", "hour"}
        clock = bool(texts) and all(_CLOCK.match(text) for text in texts)
        if clock or (named_hour and texts and all(_HOUR.match(text) for text in texts)):
            reason = Sentence("intake.reason.clock", {"header": column.header or "?"})
            columns[column.index] = replace(column, role="time", key="", confidence=0.9, reason=reason)
    return columns


def _name_wide_columns(columns: Sequence[ColumnUse], vocabulary: Vocabulary) -> tuple[ColumnUse, ...]:
    """Several value columns make a wide table: each takes its header as the indicator it holds."""
    values = [column for column in columns if column.role == "value"]
    has_indicator = any(column.role == "indicator" for column in columns)
    known = {header_key(name) for name in vocabulary.indicators}
    if len(values) < 2:
        single = values[0] if values else None
        if single is None or has_indicator or header_key(single.header) not in known:
            return tuple(columns)
    elif has_indicator:
        return _one_value(columns, values)
    named = []
    for column in columns:
        if column.role == "value":
            bare = _BRACKETS.sub("", fold(column.header)).strip() or column.header
            is_known = header_key(column.header) in known or header_key(bare) in known
            column = replace(
                column, key=bare, confidence=column.confidence if is_known else min(column.confidence, 0.7)
            )
        named.append(column)
    return tuple(named)


def _one_value(columns: Sequence[ColumnUse], values: Sequence[ColumnUse]) -> tuple[ColumnUse, ...]:
    """With an indicator column only one column can be its value; a second one as good makes both unsure."""
    best = max(values, key=lambda column: column.confidence)
    others = [column for column in values if column is not best]
    close = max(column.confidence for column in others) > best.confidence - 0.15
    settled = []
    for column in columns:
        if column is best and close:
            reason = Sentence(
                "intake.reason.rival", {"header": best.header or "?", "other": others[0].header or "?"}
            )
            column = replace(column, confidence=min(column.confidence, 0.6), reason=reason)
        elif column in others:
            reason = Sentence(
                "intake.reason.lost", {"header": column.header or "?", "other": best.header or "?"}
            )
            column = replace(column, role="ignore", confidence=0.5, reason=reason)
        settled.append(column)
    return tuple(settled)
