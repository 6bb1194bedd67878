"""The demonstration: built once, finished when it is started again, with real data and the exercise apart."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anlan import analysis, series
from anlan.errors import ForbiddenError
from anlan.flows.demo import build_demo
from anlan.flows.verify import verify_world
from anlan.registry import sign_in
from anlan.settings import Settings
from anlan.store import Node, Scope

EVERYTHING = Scope.everything("test")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = Node(Settings(data_dir=tmp_path_factory.mktemp("demo") / "node"))
    build_demo(node, say=lambda _line: None)
    return node


def test_both_worlds_stand_and_verify(built: Node) -> None:
    assert built.world_names() == ["live", "exercise"]
    for name in built.world_names():
        assert verify_world(built.world(name), deep=True) == []


def test_starting_again_changes_nothing_and_keeps_the_passwords(built: Node) -> None:
    heads = [built.world(name).head() for name in built.world_names()]
    first = build_demo(built, say=lambda _line: None)
    again = build_demo(built, say=lambda _line: None)
    assert first == again
    assert [built.world(name).head() for name in built.world_names()] == heads
    path = Path(built.folder) / "demo-accounts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_accounts_sign_in_and_a_wrong_password_does_not(built: Node) -> None:
    account = build_demo(built, say=lambda _line: None)[0]
    live = built.world("live")
    assert sign_in(live, account.login, account.password, "127.0.0.1", built.settings).token
    with pytest.raises(ForbiddenError):
        sign_in(live, account.login, account.password + "x", "127.0.0.1", built.settings)


def test_the_revisions_can_be_seen_as_known_on_each_day(built: Node) -> None:
    """2024-12-15, Germany: 2 189 as first published, 2 529 five weeks later (README of the data)."""
    live = built.world("live")
    with live.read() as connection:
        found = series.series_list(
            connection, EVERYTHING, live.as_of(), indicator="disease.covid19.hospitalised_7d"
        )
        germany = next(one for one in found if one.area_code == "DE")
        period = (datetime(2024, 12, 15, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
        versions = series.history(connection, EVERYTHING, live.as_of(), germany.id, period)
        last = datetime(2025, 1, 21, 23, 0, tzinfo=UTC)  # the end of that day in Berlin
        then = series.values(
            connection, EVERYTHING, live.as_of(known_at=last), [germany.id], first=period, last=period
        )
    assert versions[0].value == 2189
    assert then.value.tolist() == [2529]
    assert len(versions) > 5


def test_the_retrospective_curve_raises_no_signal_and_keeps_no_person(built: Node) -> None:
    live = built.world("live")
    with live.read() as connection:
        as_of = live.as_of()
        curve = series.series_list(connection, EVERYTHING, as_of, indicator="disease.h7n9.onsets")
        values = series.values(connection, EVERYTHING, as_of, [one.id for one in curve])
        records = series.records(connection, EVERYTHING, as_of, source="h7n9.2013.linelist")
        signals = analysis.signals(connection, EVERYTHING, as_of, limit=None)
    assert int(values.value.sum()) == len(records)
    assert all(set(record.fields) == {"onset", "province", "retrospective"} for record in records)
    assert not [one for one in signals if one.indicator_code == "disease.h7n9.onsets"]


def test_the_citys_figures_were_known_from_april_2024(built: Node) -> None:
    live = built.world("live")
    with live.read() as connection:
        found = series.series_list(connection, EVERYTHING, live.as_of(), indicator="air.composite_index")
        ids = [one.id for one in found]
        now = series.values(connection, EVERYTHING, live.as_of(), ids)
        early = live.as_of(known_at=datetime(2024, 3, 1, tzinfo=UTC))
        assert len(series.values(connection, EVERYTHING, early, ids)) == 0
    assert dict(zip(now.period.tolist(), now.value.tolist(), strict=True)) == {2015: 4.82, 2023: 3.43}
