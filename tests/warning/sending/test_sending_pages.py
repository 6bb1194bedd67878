"""The pages of sending and answers, over HTTP: links without sign-in, boards, units, rota, phone tree."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from peers import HttpPeer, MailPeer, mail_text
from sending_worlds import HOUR, MINUTE, Town, ack_of
from warning_worlds import alert_of

from anlan import registry
from anlan.registry import RoleGrant
from anlan.store import SYSTEM
from anlan.store.schema import reading
from anlan.warning.sending.rows import all_now
from anlan.warning.sending.types import Contact, Subscription
from anlan.web.app import create_app

PASSWORD = "correct horse battery"
Browse = Callable[..., httpx.Client]


@pytest.fixture
def browse(town: Town, relay: MailPeer) -> Iterator[Browse]:
    """``browse("chief")`` is signed in with that role, ``browse()`` is a stranger; each reads English."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        town.set(base_url=address, smtp_host="127.0.0.1", smtp_port=relay.port)
        app = create_app(town.settings, town.node)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        opened: list[httpx.Client] = []

        def make(role: str = "", *, unit: str = "", sensitivity: int = 2) -> httpx.Client:
            client = httpx.Client(base_url=address, cookies={"anlan_lang": "en"}, timeout=30)
            opened.append(client)
            if role:
                with town.world.write(SYSTEM) as tx:
                    person = registry.add_person(
                        tx,
                        {"en": f"The {role}"},
                        [RoleGrant(role, sensitivity=sensitivity)],
                        organisation_id=unit,
                    )
                account = f"{role}{len(opened)}"
                registry.set_password(town.world, person, account, PASSWORD, actor=SYSTEM)
                form = {"account": account, "password": PASSWORD, "next": "/"}
                assert post(client, "/sign-in", "/sign-in", **form).status_code == 303
                client.headers["x-person"] = person
            return client

        yield make
        for client in opened:
            client.close()
        server.should_exit = True
        thread.join()


def post(client: httpx.Client, page: str, to: str, **fields: Any) -> httpx.Response:
    """Send a form of a page, with the token that the page carries."""
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(page).text)
    assert token is not None, page
    return client.post(to, data={"csrf": token[1], **fields})


def path_in(text: str, what: str) -> str:
    found = re.search(rf"(/w/live/{what}/[A-Za-z0-9_-]+)", text)
    assert found is not None, text
    return found[1]


def test_a_unit_answers_by_its_link_without_signing_in(town: Town, web: HttpPeer, browse: Browse) -> None:
    stranger = browse()
    town.unit({"way": "webhook", "address": web.address + "/unit"})
    town.release()
    town.send()
    link = path_in(web.requests[0].headers["anlan-answer"], "answer")
    page = stranger.get(link)
    assert page.status_code == 200
    assert "Measles in Chibi City: orange warning" in page.text
    assert town.parcels()[0].read_at == town.clock.now()
    assert stranger.post(link, data={"do": "acknowledge"}).status_code == 403  # no token of the form
    assert town.answers()[0].state == "waiting"
    assert post(stranger, link, link, do="acknowledge").status_code == 303
    assert town.answers()[0].state == "acknowledged"
    assert post(stranger, link, link, do="acknowledge").status_code == 303
    assert post(stranger, link, link, do="acted", note=" ").status_code == 422
    assert post(stranger, link, link, do="acted", note="20 moved out").status_code == 303
    (one,) = town.answers()
    assert (one.state, one.note, one.acted_via) == ("acted", "20 moved out", "link")
    assert "20 moved out" in stranger.get(link).text
    for wrong in (link[:-1] + "_", link.replace("/answer/", "/stop/"), link.replace("/answer/", "/confirm/")):
        assert stranger.get(wrong).status_code == 404
    town.clock.advance(24 * HOUR)
    assert stranger.get(link).status_code == 404


def test_a_program_posts_its_cap_ack(town: Town, web: HttpPeer, browse: Browse) -> None:
    stranger = browse()
    town.unit({"way": "webhook", "address": web.address + "/unit"})
    step = town.release()
    town.send()
    link = path_in(web.requests[0].headers["anlan-answer"], "answer") + "/cap"
    alert = alert_of(town.world, step)
    kind = {"content-type": "application/cap+xml", "accept": "application/json"}
    assert stranger.post(link, content=b"<alert/>", headers=kind).status_code == 422
    assert town.answers()[0].state == "waiting"
    for _ in range(2):
        said = stranger.post(link, content=ack_of(alert), headers=kind)
        assert (said.status_code, said.json()) == (200, {"state": "acknowledged"})
    assert town.answers()[0].acknowledged_via == "cap"


def test_the_board_of_answers(town: Town, web: HttpPeer, browse: Browse) -> None:
    unit = town.unit({"way": "webhook", "address": web.address + "/unit"})
    town.unit({"way": "phone", "address": "0715 1234567"})
    duty, member, other = browse("duty_officer"), browse("reporter", unit=unit), browse("reporter")
    step = town.release()
    town.send()
    address = f"/w/live/warnings/{step.public_id}/answers"
    page = duty.get(address).text
    for part in ("Unit 1", "Unit 2", "2 units: 1 sent, 1 not sent yet.", "Next: call Unit 2", "delivered"):
        assert part in page
    assert "0715" not in page
    assert "Next: call" not in other.get(address).text
    numbers = duty.get(address, params={"format": "json"}).json()
    assert (numbers["all"], numbers["answered"], numbers["late"]) == (2, 0, 0)
    (mine,) = town.answers(organisation_id=unit)
    act = f"/w/live/answers/{mine.public_id}"
    # The own unit's reporter may answer; another unit's may not, and does not find a button.
    assert other.get(address).text.count("/acknowledge") == 0
    assert post(other, "/w/live/", f"{act}/acknowledge").status_code == 403
    assert post(member, address, f"{act}/acknowledge").status_code == 303
    assert post(member, address, f"{act}/acted", note="").status_code == 422
    assert post(member, address, f"{act}/acted", note="done").status_code == 303
    call = re.search(r"(/w/live/calls/[0-9a-f-]+)", duty.get(address).text)
    assert call is not None
    assert post(duty, address, call[1], said="nobody").status_code == 303
    assert post(duty, address, call[1], said="acknowledged").status_code == 303
    assert post(duty, address, call[1], said="acknowledged").status_code == 409
    numbers = duty.get(address, params={"format": "json"}).json()
    assert (numbers["answered"], {one["state"] for one in numbers["units"]}) == (2, {"acted", "acknowledged"})


def test_from_the_public_form_to_the_end_of_it(town: Town, relay: MailPeer, browse: Browse) -> None:
    stranger = browse()
    form = {"address": "li@example.org", "area": "421281", "level": "blue", "hazard": ""}
    wrong = post(stranger, "/subscribe", "/subscribe", **{**form, "address": "nobody"})
    assert wrong.status_code == 422
    answers = [post(stranger, "/subscribe", "/subscribe", **form) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    town.send()
    assert len(relay.letters) == 1
    link = path_in(mail_text(relay.letters[0][2]), "confirm")
    # A program that looks at links in letters confirms nothing.
    assert stranger.get(link).status_code == 200
    assert subscription(town).state == "asked"
    assert post(stranger, link, link).status_code == 200
    assert subscription(town).state == "confirmed"
    town.clock.advance(MINUTE)
    town.release()
    town.send()
    stop = path_in(mail_text(relay.letters[1][2]), "stop")
    assert stranger.get(stop).status_code == 200
    assert post(stranger, stop, stop).status_code == 200
    assert subscription(town).state == "ended"


def subscription(town: Town) -> Subscription:
    with town.world.read() as connection:
        (found,) = all_now(connection, Subscription, town.world.head())
    return found


def test_units_contacts_and_the_phone_tree(town: Town, browse: Browse) -> None:
    unit = town.desk()
    chief, cleared, viewer = browse("chief"), browse("chief", sensitivity=3), browse("viewer")
    page = "/w/live/units"
    duty = {"organisation": unit, "hazard": "", "level": "yellow", "area": "421281", "superior": ""}
    assert post(chief, page, f"{page}/duties", **duty).status_code == 303
    assert post(chief, page, f"{page}/duties", **{**duty, "organisation": "none"}).status_code == 422
    contact = {
        "organisation": unit,
        "way": "phone",
        "address": "0715 1234567",
        "name": "王五",
        "post": "duty",
    }
    assert post(chief, page, f"{page}/contacts", **{**contact, "address": "x"}).status_code == 422
    assert post(chief, page, f"{page}/contacts", **{**contact, "position": "x"}).status_code == 422
    assert post(chief, page, f"{page}/contacts", **contact).status_code == 303
    assert "yellow and above" in viewer.get(page).text
    assert "Add a contact" not in viewer.get(page).text
    tree = "/w/live/phone-tree"
    for one in (viewer.get(tree), chief.get(tree), post(chief, tree, tree)):
        assert "1234567" not in one.text
        assert "王五" not in one.text
    shown = post(cleared, tree, tree)
    assert shown.status_code == 200
    assert "07151234567" in shown.text
    assert "王五" in shown.text
    with town.world.read() as connection:
        read = connection.execute(sa.select(reading)).all()
        (kept,) = all_now(connection, Contact, town.world.head())
    assert [row.actor["id"] for row in read] == [cleared.headers["x-person"]]
    assert post(chief, page, f"{page}/contacts/{kept.public_id}/retire").status_code == 303
    assert post(chief, page, f"{page}/contacts/{kept.public_id}/retire").status_code == 404


def test_a_shift_is_planned_handed_over_and_taken(town: Town, browse: Browse) -> None:
    unit = town.desk()
    chief, officer, other = browse("chief"), browse("duty_officer"), browse("duty_officer")
    person = officer.headers["x-person"]
    page = "/w/live/rota"
    shift = {"organisation": unit, "person": person, "starts": "2026-07-06T08:00", "ends": "2026-07-06T16:00"}
    assert post(chief, page, page, **{**shift, "ends": "x"}).status_code == 422
    assert post(chief, page, page, **shift).status_code == 303
    assert post(chief, page, page, **shift).status_code == 422
    found = re.search(r"(/w/live/rota/[0-9a-f-]+)/offer", other.get(page).text)
    assert found is not None
    assert "/take" not in other.get(page).text

    def version() -> str:
        return str(re.findall(r'name="version" value="(\d+)"', officer.get(page).text)[0])

    assert (
        post(other, page, f"{found[1]}/offer", note="pump two is broken", version=version()).status_code
        == 303
    )
    assert "pump two is broken" in officer.get(page).text
    assert post(other, page, f"{found[1]}/take", version=version()).status_code == 403
    assert post(officer, page, f"{found[1]}/take", version=version()).status_code == 303
    assert "Taken over by The duty_officer" in officer.get(page).text
    assert "/take" not in officer.get(page).text


def test_programs_subscribe_through_who_manages_them(town: Town, web: HttpPeer, browse: Browse) -> None:
    chief, viewer = browse("chief"), browse("viewer")
    page = "/w/live/subscriptions"
    assert viewer.get(page).status_code == 403
    form = {
        "way": "webhook",
        "address": web.address + "/hook",
        "area": "421200",
        "level": "blue",
        "hazard": "",
    }
    made = post(chief, page, page, **form)
    secret = re.search(r'class="hash">([0-9a-f]{64})<', made.text)
    assert secret is not None
    assert secret[1] not in chief.get(page).text
    assert web.address not in chief.get(page).text
    town.send()
    (asked,) = web.requests
    assert asked.headers["content-type"] == "application/json"
    link = path_in(asked.body.decode(), "confirm")
    assert post(browse(), link, link).status_code == 200
    town.release()
    town.send()
    assert len(web.requests) == 2
    end = re.search(r"(/w/live/subscriptions/[0-9a-f-]+/end)", chief.get(page).text)
    assert end is not None
    assert post(chief, page, end[1]).status_code == 303
    assert subscription(town).state == "ended"
    with town.world.read() as connection:
        assert all_now(connection, Subscription, town.world.head(), state="confirmed") == []
