"""Story 3 through the page: a workbook of 200 rows, 196 in, 4 explained; corrected, only the difference counts."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import xlsxwriter
from e2e_site import Desk, Server
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

MakeServer = Callable[..., Server]
OpenDesk = Callable[..., Desk]
COUNTIES = ("咸安区", "嘉鱼县", "通城县", "崇阳县", "通山县", "赤壁市")
FIRST_WEEK = dt.date(2025, 1, 6)
HEADER = ["周次（周一）", "报告单位", "县（市、区）", "例数", "备注"]
FIRST_ROW = 4  # of the data in the sheet: two title rows and the header stand above
# Row of the sheet -> column and cell that cannot be accepted, and what it says after the correction.
BAD: dict[int, tuple[int, str, Any]] = {
    37: (2, "温泉镇", "崇阳县"),
    58: (2, "官塘镇", "通城县"),
    112: (3, "＜５", 4),
    143: (0, "6月31日", None),
}
CORRECTED_ROW, CORRECTED_TO = 5, 99  # the first week of all: a correction of any age is told
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def _rows() -> list[list[Any]]:
    """200 rows of county and week, each pair once, as five people would type them; seeded."""
    chance = random.Random(20260706)
    pairs = [(FIRST_WEEK + dt.timedelta(weeks=week), county) for week in range(34) for county in COUNTIES][
        :200
    ]
    rows = []
    for number, (monday, county) in enumerate(pairs):
        forms = (
            monday,
            f"{monday:%Y-%m-%d}",
            f"{monday.year}年{monday.month}月{monday.day}日",
            f"{monday:%Y/%m/%d}",
        )
        cases = chance.randint(0, 9)
        shown: Any = str(cases).translate(FULL_WIDTH) if number % 5 == 0 else cases
        padded = f" {county}\u3000" if number % 17 == 0 else county
        rows.append([forms[number % 4], f"{COUNTIES[number // 40]}疾控中心", padded, shown, ""])
    return rows


def _messy(rows: list[list[Any]]) -> list[list[Any]]:
    spoiled = [list(row) for row in rows]
    for row, (column, cell, _) in BAD.items():
        spoiled[row - FIRST_ROW][column] = cell
    return spoiled


def _workbook(rows: list[list[Any]]) -> bytes:
    """Two title rows, the header in row 3, reporting units in merged cells, dates as dates and as text."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("周报")
    sheet.merge_range("A1:E1", "咸宁市麻疹周报")
    sheet.write("A2", "填报单位：市疾控中心")
    sheet.write_row(2, 0, HEADER)
    for place in range(0, len(rows), 40):
        sheet.merge_range(place + 3, 1, place + 42, 1, "")
    for place, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, dt.date):
                sheet.write_datetime(place + 3, column, dt.datetime.combine(cell, dt.time()), day)
            elif column != 1 or place % 40 == 0:
                sheet.write(place + 3, column, cell)
    book.close()
    return buffer.getvalue()


def _choose(desk: Desk, name: str, content: bytes) -> None:
    desk.go("/w/live/data")
    form = desk.section("hand-in")
    form.get_by_label(desk.t("web.data.source")).select_option("county.weekly")
    form.get_by_label(desk.t("web.data.file")).set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    desk.button("web.data.look").click()


def _hand_in(desk: Desk, name: str, content: bytes) -> None:
    _choose(desk, name, content)
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(desk.t("web.mapping.title"))


def _figures(desk: Desk) -> list[int]:
    """Rows taken in, rows not taken in, corrections, series."""
    said = desk.page.locator(".figure-number").all_inner_texts()
    return [int(re.sub(r"\D", "", text)) for text in said]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_messy_workbook_is_explained_and_its_correction_counts_once(
    make_server: MakeServer, open_desk: OpenDesk, language: str
) -> None:
    server = make_server()
    desk = open_desk(server.address, language)
    desk.sign_in(server, "analyst", "/w/live/data")
    good = _rows()
    _first_delivery(desk, good)
    for row, (column, _, right) in BAD.items():
        if right is not None:
            good[row - FIRST_ROW][column] = right
    good[37 - FIRST_ROW][2] = _rows()[37 - FIRST_ROW][2]
    good[58 - FIRST_ROW][2] = _rows()[58 - FIRST_ROW][2]
    good[CORRECTED_ROW - FIRST_ROW][3] = CORRECTED_TO
    _second_delivery(desk, good)
    _the_series_says_so(desk, good[CORRECTED_ROW - FIRST_ROW][2].strip())


def _first_delivery(desk: Desk, good: list[list[Any]]) -> None:
    page = desk.page
    _hand_in(desk, "咸宁市麻疹周报.xlsx", _workbook(_messy(good)))
    notes = page.get_by_label(desk.t("web.mapping.role_of", column=HEADER[4]))
    expect(page.get_by_label(desk.t("web.mapping.role_of", column=HEADER[0]))).to_have_value("period")
    expect(page.get_by_label(desk.t("web.mapping.role_of", column=HEADER[2]))).to_have_value("area")
    # Somebody looks what happens when the figures are called something else, sees it, and puts it right.
    value = page.get_by_label(desk.t("web.mapping.role_of", column=HEADER[3]))
    as_guessed = value.input_value()
    assert as_guessed.startswith("value")
    value.select_option("ignore")
    desk.button("web.mapping.again").click()
    desk.expected_status.add(422)
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(1)
    value.select_option(as_guessed)
    notes.select_option("ignore")
    desk.button("web.mapping.again").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)
    expect(desk.section("preview").locator("tbody tr")).not_to_have_count(0)
    desk.button("web.mapping.take").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(desk.t("web.receipt.title"))
    assert _figures(desk)[:3] == [196, 4, 0]
    rejects = page.locator("article.reject")
    expect(rejects).to_have_count(4)
    for place, (row, (_, cell, _)) in enumerate(sorted(BAD.items())):
        one = rejects.nth(place)
        expect(one.get_by_role("heading", level=3)).to_have_text(desk.t("web.receipt.row", row=row))
        expect(one.locator("td.bad")).to_have_text(cell)
        expect(one.locator(".reject-head b")).not_to_be_empty()
        expect(one.locator("dl.kv dd").first).not_to_be_empty()
    with page.expect_download() as download:
        page.get_by_role("link", name=desk.t("web.receipt.download", count=4)).click()
    table = download.value.path().read_text(encoding="utf-8-sig")
    assert table.count("\n") >= 5
    assert "温泉镇" in table


def _second_delivery(desk: Desk, corrected: list[list[Any]]) -> None:
    """The columns are remembered; only the four rows are new, one old value is a correction."""
    content = _workbook(corrected)
    _hand_in(desk, "咸宁市麻疹周报（更正）.xlsx", content)
    desk.button("web.mapping.take").click()
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(desk.t("web.receipt.title_clean"))
    assert _figures(desk)[:3] == [200, 0, 1]
    expect(desk.page.locator(".figures")).to_contain_text(desk.t("web.receipt.new", count=4))
    expect(desk.page.locator(".figures")).to_contain_text(desk.t("web.receipt.revised", unchanged=195))
    # The very same file again changes nothing and says so.
    _hand_in(desk, "咸宁市麻疹周报（更正）.xlsx", content)
    desk.button("web.mapping.take").click()
    expect(desk.page.locator(".page-head .lead")).to_contain_text("2026-B-")
    assert _figures(desk)[2] == 0


def _the_series_says_so(desk: Desk, county: str) -> None:
    desk.go("/w/live/search?q=" + county)
    desk.page.locator("main").get_by_role(
        "link", name=re.compile("麻疹（周）|Measles \\(weekly\\)")
    ).first.click()
    revised = desk.section("revised")
    expect(revised.locator("tbody tr")).to_have_count(1)
    expect(revised.locator("tbody tr")).to_contain_text(str(CORRECTED_TO))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_file_that_is_none_gets_words_beside_the_form(
    make_server: MakeServer, open_desk: OpenDesk, language: str
) -> None:
    server = make_server()
    desk = open_desk(server.address, language)
    desk.expected_status.add(422)
    desk.sign_in(server, "analyst", "/w/live/data")
    for name, content in (("empty.csv", b""), ("photo.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)):
        _choose(desk, name, content)
        expect(desk.page.get_by_role("alert").filter(visible=True)).not_to_be_empty()
        expect(desk.page.get_by_role("heading", level=1)).to_have_text(desk.t("web.data.title"))
        expect(desk.section("deliveries").locator("tr[data-row]").filter(has_text=name)).to_have_count(0)
