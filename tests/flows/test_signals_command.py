"""``anlan signals``: as of a sequence it prints the same bytes, whatever was written since."""

from __future__ import annotations

import json

import pytest
from flow_world import EVERYTHING, Chain

from anlan import assessment
from anlan.cli import main
from anlan.flows.work import work_once


def test_the_same_question_gives_the_same_bytes(
    chain: Chain, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.deliver()
    work_once(chain.world)
    then = chain.world.as_of()
    monkeypatch.setenv("ANLAN_DATABASE_URL", chain.node.settings.database_url)
    asked = ["signals", "--data-dir", str(chain.node.folder), "--world", "exercise", "--json"]

    def answer(*more: str) -> str:
        assert main([*asked, *more]) == 0
        return capsys.readouterr().out

    before = answer("--as-of", str(then.seq))
    with chain.world.read() as connection:
        waiting = assessment.waiting(connection, EVERYTHING, then)
    with chain.world.write(chain.duty) as tx:
        assessment.dismiss(
            tx, waiting[0].signal_id, expected_seq=waiting[0].known_seq, reason="double report"
        )
    assert answer("--as-of", str(then.seq)) == before
    states = [one["state"] for one in json.loads(answer())["signals"]]
    assert "dismissed" in states
    assert {one["state"] for one in json.loads(before)["signals"]} == {"new"}
