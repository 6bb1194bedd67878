"""Formats, drawings, exports, waiting files: the small pure parts."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import NotFoundError
from anlan.texts import LANGUAGES, catalogue
from anlan.web import formats
from anlan.web.drawings import hours_axis_svg, length_gauge_svg, ratio_stick_svg, sparkline_svg
from anlan.web.exports import csv_bytes, safe_cell
from anlan.web.pages.imports import letter
from anlan.web.rendering import STATIC, Words, environment, safe_json, static_url
from anlan.web.uploads import Uploads
from anlan.web.warning_parts import instruction_lines

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 7, 6, 0, 5, tzinfo=UTC)
TEMPLATES = Path(str(STATIC)).parent / "templates"


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [
        (6727614, None, "6\u202f727\u202f614"),
        (34.04, 1, "34.0"),
        (0.0, None, "0"),
        (-5, None, "\u22125"),
        (None, None, "—"),
        (float("nan"), 2, "—"),
    ],
)
def test_numbers(value: float | None, digits: int | None, said: str) -> None:
    assert formats.number(value, "zh", digits=digits) == said
    assert formats.number(value, "en", digits=digits) == said


@pytest.mark.parametrize(
    ("hours", "en", "zh"),
    [(3.6, "today 11:41", "今日 11:41"), (23, "tomorrow 07:05", "明日 07:05"), (-24, "yesterday 08:05", "昨日 08:05"),
     (72, "07-09 08:05", "07-09 08:05"), (24 * 200, "2027-01-22 08:05", "2027-01-22 08:05")],
)  # fmt: skip
def test_moments_are_said_as_on_duty(hours: float, en: str, zh: str) -> None:
    moment = NOW + timedelta(hours=hours)
    assert formats.clock(moment, "en", ZONE, NOW) == en
    assert formats.clock(moment, "zh", ZONE, NOW) == zh


@pytest.mark.parametrize(
    ("minutes", "en", "zh"),
    [(5, "5 min", "5 分"), (215, "3 h 35 min", "3 小时 35 分"), (120, "2 h", "2 小时"), (24 * 60 + 60, "1 d 1 h", "1 天 1 小时"),
     (48 * 60, "2 d", "2 天"), (100 * 60, "4 d", "4 天")],
)  # fmt: skip
def test_lengths_have_two_units(minutes: int, en: str, zh: str) -> None:
    assert formats.length(timedelta(minutes=minutes), "en") == en
    assert formats.length(timedelta(minutes=minutes), "zh") == zh


@given(st.text(max_size=30))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    cell = safe_cell(text)
    assert isinstance(cell, str)
    assert not cell.lstrip(" \u00a0\u3000\ufeff").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell in (text, "'" + text)


def test_csv_keeps_numbers_and_defuses_text() -> None:
    body = csv_bytes(("a", "b", "c"), [(-3.5, "=1+1", None), (NOW, "@x", "完")])
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows == [["a", "b", "c"], ["-3.5", "'=1+1", ""], ["2026-07-06T00:05:00+00:00", "'@x", "完"]]


def test_the_axis_keeps_its_rings_apart_and_inside() -> None:
    moments = [NOW + timedelta(hours=1)] * 3 + [NOW + timedelta(hours=24)] * 4
    places = [
        float(x)
        for x in re.findall(
            r'circle cx="([\d.]+)%"', str(hours_axis_svg(moments, start=NOW, zone=ZONE, label="x"))
        )
    ]
    assert len(places) == 7
    assert all(after - before >= 2.3 for before, after in zip(places, places[1:], strict=False))
    assert min(places) >= 1
    assert max(places) <= 100


def test_a_sparkline_breaks_at_gaps() -> None:
    text = str(sparkline_svg([1, 2, None, 3, 4], label="x"))
    path = ElementTree.fromstring(text).find("path")
    assert path is not None
    assert (path.get("d") or "").count("M") == 2
    assert sparkline_svg([None, 1.0], label="x") == ""


def test_sticks_and_gauges_are_well_formed_at_the_ends() -> None:
    for ratio in (0.0001, 0.5, 1.0, 27.0, 1e9):
        ElementTree.fromstring(str(ratio_stick_svg(ratio, label='"&<')))
    ElementTree.fromstring(str(length_gauge_svg(0, one=70, whole=134, label="x")))


@pytest.mark.parametrize(("place", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_columns_are_named_like_in_a_spreadsheet(place: int, name: str) -> None:
    assert letter(place) == name


def test_an_instruction_becomes_acts() -> None:
    assert instruction_lines("一。二；三。") == ("一", "二", "三")
    assert instruction_lines("• one\n- two\n\n") == ("one", "two")
    assert instruction_lines("") == ()


def test_bold_marks_are_ours_and_values_are_text() -> None:
    said = Words("en").tb("web.mapping.lead", file="<b>**x**</b>", source="s", rows="3")
    assert str(said).startswith("<strong>&lt;b&gt;&amp;#42;") or "<strong>" in str(said)
    assert "<b>" not in str(said)


def test_json_in_a_page_cannot_end_its_block() -> None:
    assert "</script" not in str(safe_json('{"a":"</script><script>"}'))


def test_waiting_files_belong_to_their_sender(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    kept = uploads.put(b"abc", person_id="me", source_code="s", filename="x.csv")
    assert uploads.content(uploads.find(kept.token, "me")) == b"abc"
    for token, person in ((kept.token, "you"), ("../../etc", "me"), ("0" * 32, "me")):
        with pytest.raises(NotFoundError):
            uploads.find(token, person)
    uploads.remove(kept.token)
    with pytest.raises(NotFoundError):
        uploads.find(kept.token, "me")


def test_every_text_of_the_templates_is_there_in_both_languages() -> None:
    known = catalogue()
    used = set()
    for template in TEMPLATES.glob("*.html"):
        used |= set(
            re.findall(r'\b(?:t|tb|tn|tx)\(\s*[\'"]([a-z0-9_.]+[a-z0-9_])[\'"]', template.read_text("utf-8"))
        )
    assert len(used) > 150
    assert sorted(used - set(known)) == []
    for key in used:
        assert all(known[key][language].strip() for language in LANGUAGES), key


def test_every_template_compiles_and_says_nothing_itself() -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for template in sorted(TEMPLATES.glob("*.html")):
        environment().get_template(template.name)
        left = chinese.findall(template.read_text("utf-8").replace("中文", "").replace("、", ""))
        assert left == [], template.name


def test_vendored_files_are_as_their_packages_had_them() -> None:
    folder = STATIC / "vendor"
    listed = tomllib.loads((folder / "VENDOR.toml").read_text("utf-8"))["file"]
    for entry in listed:
        assert hashlib.sha256((folder / entry["path"]).read_bytes()).hexdigest() == entry["sha256"], entry[
            "name"
        ]
        assert entry["version"] in entry["source"]
        assert all((folder / name).read_text("utf-8").strip() for name in entry["licence_files"])
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    named = {entry["path"] for entry in listed} | {
        name for entry in listed for name in entry["licence_files"]
    }
    assert present == named | {"VENDOR.toml"}


def test_no_sheet_or_script_of_ours_names_another_host() -> None:
    for path in [*STATIC.glob("css/*.css"), *STATIC.glob("js/*.js"), *TEMPLATES.glob("*.html")]:
        text = path.read_text("utf-8").replace("http://www.w3.org/", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]|@import", text), path.name


def test_an_address_of_a_file_names_its_content() -> None:
    assert re.fullmatch(r"/static/css/tokens\.css\?v=[0-9a-f]{10}", static_url("css/tokens.css"))
    with pytest.raises(KeyError):
        static_url("css/none.css")
