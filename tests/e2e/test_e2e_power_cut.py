"""Story 11 in the small: the power fails while a long file is being taken in; nothing half-done is left to see."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_site import Desk, Server, run_anlan
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MakeServer = Callable[..., Server]
OpenDesk = Callable[..., Desk]
STATES = ("DE", "DE-BW", "DE-BY", "DE-BE", "DE-BB", "DE-HB", "DE-HH", "DE-HE", "DE-MV", "DE-NI")
DAYS, KNOWN_ON = 150, 200
NAME = "long.csv"


def _long_file(folder: Path) -> tuple[Path, int]:
    """Counts of 150 days in ten places as known on 220 days: long enough to be interrupted."""
    first = dt.date(2022, 1, 1)
    lines = ["known_on,date,state,cases_7d"]
    for delay in range(KNOWN_ON):
        for day in range(DAYS):
            date = first + dt.timedelta(days=day)
            known = date + dt.timedelta(days=delay + 1)
            lines += [f"{known},{date},{state},{1000 + (day * 7 + delay) % 500}" for state in STATES]
    path = folder / NAME
    path.write_text("\n".join(lines), encoding="utf-8")
    return path, len(lines) - 1


def _look_at(desk: Desk, path: Path) -> None:
    """Hand the file in, up to the page that shows how it would be read."""
    desk.go("/w/live/data")
    form = desk.section("hand-in")
    form.get_by_label(desk.t("web.data.source")).select_option("de.covid.hospitalisation")
    form.get_by_label(desk.t("web.data.file")).set_input_files(path)
    desk.button("web.data.look").click()
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(
        desk.t("web.mapping.title"), timeout=60_000
    )


def _wait_until_it_writes(server: Server) -> None:
    """Until the first rows of the file reach the disk: then it is neither nothing nor all."""
    log = server.folder / "worlds" / "live.db-wal"
    before = log.stat().st_size if log.exists() else 0
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if log.exists() and log.stat().st_size > before + 500_000:
            return
        time.sleep(0.005)
    pytest.fail("the delivery never began to write")


def _deliveries(desk: Desk) -> int:
    desk.go("/w/live/data")
    expect(desk.section("deliveries")).to_be_visible()
    return desk.section("deliveries").locator("tr[data-row]").filter(has_text=NAME).count()


def test_a_killed_import_leaves_nothing_half_done_and_can_be_repeated(
    make_server: MakeServer, open_desk: OpenDesk, tmp_path: Path
) -> None:
    server = make_server()
    path, rows = _long_file(tmp_path)
    desk = open_desk(server.address, "zh")
    desk.sign_in(server, "analyst", "/w/live/data")
    _look_at(desk, path)
    waiting_at = desk.page.url.removeprefix(server.address)
    desk.button("web.mapping.take").click(no_wait_after=True)
    _wait_until_it_writes(server)
    server.kill()
    server.start()

    # Nothing of it is to be seen, the journal holds, and the page that follows a delivery says what to do.
    assert _deliveries(desk) == 0
    desk.go("/w/live/search?q=" + "新冠")
    desk.page.locator("main").get_by_role("link", name=re.compile("德国")).first.click()
    table = desk.section("table").get_by_role("link", name="CSV").get_attribute("href") or ""
    known = desk.context.request.get(server.address + table).text()
    assert "2024-12-15" in known
    assert "2022-" not in known
    done = run_anlan("journal", "verify", "--deep", "--data-dir", str(server.folder))
    assert done.returncode == 0, done.stdout + done.stderr
    desk.expected_status.add(404)
    desk.go(waiting_at.replace("/upload/", "/running/"))
    expect(desk.page.get_by_text(desk.t("web.error.upload_gone"))).to_be_visible()

    # The same file, handed in again, goes in whole and once.
    _look_at(desk, path)
    desk.button("web.mapping.take").click()
    expect(desk.page).to_have_url(re.compile(r"/w/live/data/[0-9a-f-]{36}$"), timeout=120_000)
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(desk.t("web.receipt.title_clean"))
    taken = desk.page.locator(".figure-number").first.inner_text()
    assert int(re.sub(r"\D", "", taken)) == rows
    assert _deliveries(desk) == 1


def test_a_killed_upload_leaves_nothing(make_server: MakeServer, open_desk: OpenDesk, tmp_path: Path) -> None:
    """Killed while the file waits to be looked at: after the restart it waits still, or it never came."""
    server = make_server()
    desk = open_desk(server.address, "en")
    desk.sign_in(server, "analyst", "/w/live/data")
    desk.page.locator("#f-source").select_option("county.weekly")
    content = b"county,week,indicator,cases\n421281,2026-W01,disease.measles.weekly,3\n"
    desk.page.locator("#f-file").set_input_files({"name": NAME, "mimeType": "text/csv", "buffer": content})
    desk.button("web.data.look").click()
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(desk.t("web.mapping.title"))
    server.kill()
    server.start()
    assert _deliveries(desk) == 0
    desk.page.go_back()
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(desk.t("web.mapping.title"))
    desk.button("web.mapping.take").click()
    expect(desk.page.get_by_role("heading", level=1)).to_have_text(desk.t("web.receipt.title_clean"))
    assert _deliveries(desk) == 1
