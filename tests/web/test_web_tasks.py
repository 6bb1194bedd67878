"""Whole tasks over HTTP, as people do them: a signal becomes a released warning; a messy file becomes a receipt."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from xml.etree import ElementTree

import httpx
import pytest
import xlsxwriter

from anlan.store import Node, verify

Browse = Callable[..., httpx.Client]
FormToken = Callable[[str], str]


class Person:
    """Somebody at a browser: opens pages and sends their forms with the token and version they carry."""

    def __init__(self, client: httpx.Client, form_token: FormToken) -> None:
        self.client = client
        self.token = form_token

    def open(self, address: str) -> str:
        answer = self.client.get(address)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
        return answer.text

    def send(self, page: str, address: str, **fields: object) -> httpx.Response:
        version = re.search(r'name="version" value="(\d+)"', page)
        data = {"csrf": self.token(page), "version": version[1] if version else "", **fields}
        return self.client.post(address, data=data)


@pytest.fixture
def person(browse: Browse, form_token: FormToken) -> Callable[..., Person]:
    return lambda role, language="en": Person(browse(role, language), form_token)


def said(answer: httpx.Response) -> str:
    """The words of the main part of a page, for a failing test."""
    main = answer.text.partition('<main id="main"')[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))[:1500]


def links(page: str, pattern: str) -> list[str]:
    return re.findall(rf'href="({pattern})"', page)


def test_from_a_signal_to_a_released_warning(person: Callable[..., Person], served: Node) -> None:
    duty, chief = person("duty_officer"), person("chief")
    board = duty.open("/w/exercise/")
    assert "What needs me now?" in board
    signal = links(board, r"/w/exercise/signals/[0-9a-f-]{36}")[0]

    page = duty.open(signal)
    assert duty.send(page, f"{signal}/dismiss", reason="").status_code == 422
    assert duty.send(page, f"{signal}/verify", reason="Chibi centre confirms").status_code == 303
    late = chief.send(page.replace(duty.token(page), chief.token(chief.open(signal))), f"{signal}/verify")
    assert late.status_code == 409
    assert "Somebody else was first" in late.text

    page = duty.open(signal)
    form = duty.open(f"{signal}/assess")
    empty = duty.send(form, f"{signal}/assess", confidence="high")
    assert empty.status_code == 422
    assert empty.text.count('href="#f-') == 2
    assert (
        duty.send(
            form, f"{signal}/assess", cell="4:4", confidence="high", reasons="Five in one school"
        ).status_code
        == 303
    )

    page = duty.open(signal)
    draft = re.search(r'action="(/w/exercise/assessments/[0-9a-f-]{36}/draft)"', page)
    assert draft is not None
    drafted = duty.send(page, draft[1])
    assert drafted.status_code == 303, said(drafted)
    warning = drafted.headers["location"]
    assert duty.send(page, draft[1]).status_code == 409

    page = duty.open(warning)
    assert "EXERCISE" in page
    assert duty.send(page, f"{warning}/edit", **_form(page, areas=["421281", "421223"])).status_code == 303
    page = duty.open(warning)
    assert "Chongyang" in page
    assert duty.send(page, f"{warning}/submit").status_code == 303

    review = duty.open(warning)
    assert f'action="{warning}/release"' not in review
    assert duty.send(review, f"{warning}/release").status_code == 403
    page = chief.open(warning)
    assert chief.send(page, f"{warning}/return", reason_return="").status_code == 422
    assert chief.send(page, f"{warning}/release").status_code == 303
    assert chief.send(page, f"{warning}/release").status_code == 409

    page = chief.open(warning)
    digest = re.search(r"SHA-256 ([0-9a-f]{64})", chief.open(f"{warning}?tab=cap"))
    address = links(chief.open(f"{warning}?tab=cap"), r"/w/exercise/cap/[^\"]+")[0]
    cap = chief.client.get(address)
    assert digest is not None
    assert hashlib.sha256(cap.content).hexdigest() == digest[1]
    assert (
        ElementTree.fromstring(cap.content).findtext("{urn:oasis:names:tc:emergency:cap:1.2}status")
        == "Exercise"
    )
    again = chief.client.get(address, headers={"if-none-match": cap.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    assert warning in links(chief.open("/w/exercise/"), r"/w/exercise/warnings/[0-9a-f-]{36}")
    feed = chief.client.get("/w/exercise/feed.atom")
    assert address.rpartition("/")[2] in feed.text
    assert (
        chief.client.get("/w/exercise/feed.atom", headers={"if-none-match": feed.headers["etag"]}).status_code
        == 304
    )
    assert address.rpartition("/")[2] not in chief.client.get("/feed.atom").text
    assert chief.client.get("/cap/" + address.rpartition("/")[2]).status_code == 404
    assert "1 warning in force" in chief.open("/w/exercise/public?area=421281")
    assert "no warning in force" in chief.open("/w/exercise/public?area=421222")

    page = duty.open(warning)
    step = duty.send(page, f"{warning}/update")
    assert step.status_code == 303, said(step)
    assert duty.send(page, f"{warning}/end", reason_end="over").status_code == 409
    following = step.headers["location"]
    assert following != warning
    page = duty.open(following)
    assert 'name="headline_en"' in page
    assert duty.send(page, f"{following}/withdraw", reason_withdraw="Not needed").status_code == 303
    page = duty.open(warning)
    ending = duty.send(page, f"{warning}/end", reason_end="No new case for three weeks")
    assert ending.status_code == 303, said(ending)
    over = ending.headers["location"]
    assert duty.send(duty.open(over), f"{over}/submit").status_code == 303
    assert chief.send(chief.open(over), f"{over}/release").status_code == 303
    assert "no warning in force" in chief.open("/w/exercise/public?area=421281")
    assert "ended" in chief.open(warning)

    journal = chief.open("/w/exercise/journal?kind=warning")
    assert "Warning released" in journal
    checked = chief.send(journal, "/w/exercise/journal/verify?deep=1")
    assert "The chain holds." in checked.text
    assert verify(served.world("exercise"), deep=True) == []


def _form(page: str, areas: list[str]) -> dict[str, object]:
    """The edit form as the page has it, with other areas."""
    fields: dict[str, object] = {"areas": areas}
    for name, value in re.findall(r'<input id="f-\w+" name="(\w+)" type="[\w-]+" value="([^"]*)"', page):
        fields[name] = value
    for name, value in re.findall(
        r'<textarea id="f-\w+" name="(\w+_(?:zh|en))"[^>]*>([^<]*)</textarea>', page
    ):
        fields[name] = value
    for name in ("urgency", "certainty"):
        chosen = re.search(rf'name="{name}".*?value="(\w+)" selected', page, re.DOTALL)
        assert chosen is not None
        fields[name] = chosen[1]
    level = re.search(r'name="level" value="(\w+)" checked', page)
    assert level is not None
    fields["level"] = level[1]
    return fields


def test_the_live_world_drafts_and_does_not_issue(person: Callable[..., Person]) -> None:
    chief = person("chief")
    assert "no warning in force" in chief.client.get("/public?lang=en").text
    assert chief.client.get("/public?area=999999").status_code == 404


def messy_workbook() -> bytes:
    """A title row, full-width digits, dates as text, one count that is none and one county that is not there."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("七月")
    sheet.write(0, 0, "咸宁市麻疹周报")
    for column, head in enumerate(("周", "县区", "麻疹例数")):
        sheet.write(1, column, head)
    rows = [
        ("2026-W20", "咸安区", "３"), ("2026-W20", "嘉鱼县", "1"), ("2026-W21", "咸安区", "=1+1"),
        ("2026-W21", "温泉镇县", "2"), ("2026-W22", "嘉鱼县", "<5"), ("2026-W22", "通山县", "4"),
    ]  # fmt: skip
    for place, row in enumerate(rows, start=2):
        for column, value in enumerate(row):
            sheet.write_string(place, column, value)
    book.close()
    return out.getvalue()


def test_a_messy_file_becomes_a_receipt(person: Callable[..., Person]) -> None:
    reporter = person("reporter")
    page = reporter.open("/w/exercise/data")
    body = messy_workbook()

    def hand_in() -> httpx.Response:
        return reporter.client.post(
            "/w/exercise/data/upload",
            data={"csrf": reporter.token(page), "source": "county.weekly"},
            files={"file": ("咸宁市第20周.xlsx", body)},
        )

    sent = hand_in()
    assert sent.status_code == 303, said(sent)
    waiting = sent.headers["location"]
    mapping = reporter.client.get(waiting)
    assert "咸宁市第20周.xlsx" in mapping.text
    assert mapping.text.count('class="bad"') >= 2
    other = person("duty_officer").client.get(waiting)
    assert other.status_code == 404

    fields = dict(
        re.findall(r'<select id="f-(column_\d+)".*?<option value="([^"]*)" selected', mapping.text, re.DOTALL)
    )
    for name in ("fixed_indicator", "fixed_area"):
        if f'name="{name}"' in mapping.text:
            fields[name] = "disease.measles.weekly" if name == "fixed_indicator" else ""
    taken = reporter.send(mapping.text, waiting, do="take", **fields)
    assert taken.status_code == 303, said(taken)
    receipt = reporter.client.get(taken.headers["location"], follow_redirects=True)
    assert receipt.status_code == 200
    assert "Which rows were not accepted?" in receipt.text
    assert "温泉镇县" in receipt.text

    address = links(receipt.text, r"/w/exercise/data/[0-9a-f-]{36}/rejected\.csv")[0]
    rows = reporter.client.get(address).content.decode("utf-8-sig")
    assert "温泉镇县" in rows
    assert ",=1" not in rows
    original = links(receipt.text, r"/w/exercise/data/[0-9a-f-]{36}/original")[0]
    assert reporter.client.get(original).content == body


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("empty.csv", b""),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(40)),
        ("bad.xlsx", b"PK\x03\x04 not a workbook"),
    ],
)
def test_a_wrong_file_gets_a_clear_answer(person: Callable[..., Person], name: str, body: bytes) -> None:
    reporter = person("reporter")
    page = reporter.open("/w/exercise/data")
    answer = reporter.client.post(
        "/w/exercise/data/upload",
        data={"csrf": reporter.token(page), "source": "county.weekly"},
        files={"file": (name, body)},
    )
    assert answer.status_code == 422
    assert 'class="errors"' in answer.text


def test_as_known_on_moves_the_page_into_the_past(person: Callable[..., Person]) -> None:
    viewer = person("viewer")
    now = viewer.open("/w/live/series/1")
    then = viewer.open("/w/live/series/1?known=2025-02-20")
    assert "REPLAY" in then
    assert "REPLAY" not in now
    assert "91 cases" in now
    assert "91 cases" not in then
    assert viewer.open("/w/live/series/1?known=2025-02-20").count("<td") == then.count("<td")
    before = viewer.client.get("/w/live/series/1?known=2010-01-01")
    assert before.status_code == 200
    assert "Nothing of this series was known then." in before.text


def test_lists_come_as_csv_too(person: Callable[..., Person]) -> None:
    chief = person("chief")
    for address in (
        "/w/exercise/signals?format=csv",
        "/w/exercise/warnings?format=csv",
        "/w/live/journal?format=csv",
        "/w/live/series/1.csv",
    ):
        answer = chief.client.get(address)
        assert answer.headers["content-type"].startswith("text/csv"), address
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert "attachment" in answer.headers["content-disposition"]
