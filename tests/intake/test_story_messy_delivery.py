"""Story 3, the messy delivery: a hospital's workbook of 200 rows, 196 in, 4 explained; sent again corrected."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from anlan.intake import deliver, inspect_file, rejected_rows
from anlan.registry.types import NewArea
from anlan.series import batch_check, history, series_list
from anlan.store import Actor, FixedClock, Scope, World, verify
from anlan.texts import say

MakeWorkbook = Callable[..., bytes]
ACTOR = Actor("person", "00000000-0000-0000-0000-000000000001", "test")
ALL = Scope.everything("test")
HEADER = ["日期", "报告单位", "现住乡镇", "疾病", "年龄组", "例数"]
BAD = {
    37: (2, "温泉镇"),
    58: (2, "官塘镇"),
    112: (5, "＜５"),
    143: (0, "6月31日"),
}  # row of the sheet -> column, cell
GOOD = {37: "温泉街道", 58: "官塘驿镇", 112: 4, 143: "2026-06-30"}


def _day(day: date, number: int) -> Any:
    forms = (
        day,
        f"{day:%Y-%m-%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}/{day.month}/{day.day}",
        f"{day:%Y%m%d}",
    )
    return forms[number % len(forms)]


def _rows(areas: list[NewArea]) -> list[list[Any]]:
    """200 rows with different (day, township, disease, age), ordered by reporting unit; seeded."""
    chance = random.Random(20260706)
    townships = [
        area.names["zh"]
        for area in areas
        if area.kind == "township" and area.parent_code in ("421202", "421281")
    ]
    diseases, ages = ["手足口病", "麻疹", "感染性腹泻"], ["0-4", "5-14", "15-44", "45+"]
    everything = [(d, t, s, a) for d in range(7) for t in townships for s in diseases for a in ages]
    units = sorted(
        chance.choices(["咸安区第一医院", "赤壁市人民医院", "通城县人民医院", "崇阳县人民医院"], k=200)
    )
    rows = []
    for number, (d, township, disease, age) in enumerate(chance.sample(everything, 200)):
        cases = chance.randint(0, 20)
        shown: Any = (
            str(cases).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
            if number % 5 == 0
            else cases
        )
        padded = f" {township}\u3000" if number % 17 == 0 else township
        rows.append(
            [_day(date(2026, 6, 29) + timedelta(days=d), number), units[number], padded, disease, age, shown]
        )
    return rows


def _workbook(make_workbook: MakeWorkbook, rows: list[list[Any]]) -> bytes:
    """Two title rows, the header in row 3, data from row 4; reporting units in merged cells."""
    merges = ["A1:F1"]
    start = 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or rows[end][1] != rows[start][1]:
            merges.append(f"B{start + 4}:B{end + 3}")
            start = end
    firsts = {int(merge[1:].split(":")[0]) - 4 for merge in merges[1:]}
    shown = [[*row[:1], row[1] if place in firsts else None, *row[2:]] for place, row in enumerate(rows)]
    return make_workbook(
        {"七月第一周": [["咸宁市七月第一周传染病报告"], ["填报单位：市疾控中心"], HEADER, *shown]},
        merges={"七月第一周": merges},
    )


def test_the_messy_delivery(
    city: World, clock: FixedClock, areas: list[NewArea], make_workbook: MakeWorkbook
) -> None:
    good = _rows(areas)
    for row, cell in GOOD.items():
        column = BAD[row][0]
        # The four rows get days of their own, so that no other row speaks of the same thing.
        good[row - 4][0] = f"2026-06-{20 + row % 7:02d}" if column else cell
        good[row - 4][column] = cell
    messy = [list(row) for row in good]
    for row, (column, cell) in BAD.items():
        messy[row - 4][column] = cell

    first = _workbook(make_workbook, messy)
    seen = inspect_file(city, ALL, source_code="city.daily", filename="咸宁市七月第一周.xlsx", content=first)
    assert seen.problems == ()
    assert [column.role for column in seen.mapping.columns] == [
        "period",
        "reporter",
        "area",
        "indicator",
        "stratum",
        "value",
    ]
    receipt = deliver(
        city, ACTOR, ALL, source_code="city.daily", filename="咸宁市七月第一周.xlsx", content=first
    )
    counts = receipt.counts
    assert (counts.rows_read, counts.rows_accepted, counts.rows_rejected, counts.new) == (200, 196, 4, 196)
    notes = {note.key for note in receipt.notes}
    assert {
        "intake.note.title_rows",
        "intake.note.merged",
        "intake.how.full_width",
        "intake.how.text_date",
        "intake.how.trimmed",
    } <= notes
    for language in ("zh", "en"):
        assert all(note.say(language) for note in receipt.notes)

    with city.read() as connection:
        rejected = rejected_rows(connection, ALL, city.as_of(), receipt.public_id)
    assert [(row.row, row.problems[0].where["column"]) for row in rejected] == [
        (37, "C"),
        (58, "C"),
        (112, "F"),
        (143, "A"),
    ]
    said = [say(row.problems[0].key, "zh", **row.problems[0].values) for row in rejected]
    assert said == [
        "“温泉镇”不在名录里。",
        "“官塘镇”不在名录里。",
        "“＜５”不是一个数，只给出了界限。",
        "日期“6月31日”不存在。",
    ]
    hints = [row.problems[0].values["suggestion"].say("zh") for row in rejected]  # type: ignore[attr-defined]
    assert hints[0] == "改为 温泉街道 (421202001)。"
    assert hints[1] == "可能是 官塘驿镇 (421281108), 官塘驿林场 (421281401)。"
    assert hints[3] == "是 06-30 还是 07-01？只有报送方知道。"
    assert rejected[2].problems[0].values["accepted"].say("zh") == "0 或更大的整数"  # type: ignore[attr-defined]

    clock.advance(timedelta(hours=2))
    corrected = [list(row) for row in good]
    old = corrected[10][5]
    corrected[10][5] = 99
    second = _workbook(make_workbook, corrected)
    again = deliver(
        city, ACTOR, ALL, source_code="city.daily", filename="咸宁市七月第一周（更正）.xlsx", content=second
    )
    counts = again.counts
    assert (counts.rows_accepted, counts.rows_rejected) == (200, 0)
    assert (counts.new, counts.corrected, counts.unchanged) == (4, 1, 195)
    (change,) = again.changes
    assert (change.row, change.after) == (14, "99")
    assert change.before == str(old).translate(str.maketrans("０１２３４５６７８９", "0123456789"))

    with city.read() as connection:
        as_of = city.as_of()
        (series,) = [
            one for one in series_list(connection, ALL, as_of)
            if (one.indicator_code, one.area_code, one.stratum) == (change.indicator, change.area, change.stratum)
        ]  # fmt: skip
        period = (date.fromisoformat(change.period) - date(1970, 1, 1)).days
        assert [one.value for one in history(connection, ALL, as_of, series.id, period)] == [
            float(change.before),
            99.0,
        ]
    assert verify(city, deep=True, deep_checks=[batch_check]) == []
