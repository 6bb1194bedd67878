"""Deliveries on both databases: what goes in, what stays out, what a second delivery changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import polars as pl
import pytest

from anlan.errors import InputError, IntegrityError, NotFoundError, ParameterError
from anlan.intake import (
    Declared,
    Mapping,
    Receipt,
    content,
    deliver,
    deliveries,
    delivery,
    delivery_check,
    inspect_file,
    mapping_of,
    rejected_file,
    rejected_rows,
    remember_mapping,
    tables,
    unfinished,
    work,
)
from anlan.intake.kept import packed_parts
from anlan.registry import calendar_from
from anlan.series import Flag, batch_check, history, last_known, series_list, values
from anlan.store import NOTHING, Actor, FixedClock, Scope, World, events_after, verify

ACTOR = Actor("person", "00000000-0000-0000-0000-000000000001", "test")
ALL = Scope.everything("test")
HEADER = "日期,现住乡镇,疾病,年龄组,例数\n"
GOOD = "2026-07-01,温泉街道,手足口病,0-4,3\n2026-07-01,浮山街道,手足口病,0-4,1\n2026-07-02,温泉街道,手足口病,0-4,2\n"


def send(world: World, text: str, source: str = "city.daily", **options: object) -> Receipt:
    data = text.encode() if isinstance(text, str) else text
    return deliver(world, ACTOR, ALL, source_code=source, filename="week.csv", content=data, **options)  # type: ignore[arg-type]


def counted(receipt: Receipt) -> tuple[int, ...]:
    counts = receipt.counts
    return (
        counts.rows_read,
        counts.rows_accepted,
        counts.rows_rejected,
        counts.new,
        counts.corrected,
        counts.unchanged,
        counts.withdrawn,
    )


def known(world: World) -> dict[tuple[str, str, str, str], tuple[float, int, int]]:
    """(indicator, area, site or stratum, period) -> value, qualifier, flags."""
    with world.read() as connection:
        as_of = world.as_of()
        listed = {one.id: one for one in series_list(connection, ALL, as_of)}
        now = values(connection, ALL, as_of, listed)
    steps = {
        "hfmd.daily": "day",
        "measles.daily": "day",
        "measles.weekly": "week",
        "pm10.hourly": "hour",
        "diarrhoea.daily": "day",
    }
    found = {}
    for at in range(len(now)):
        one = listed[int(now.series_id[at])]
        label = {"label_at": "end"} if one.indicator_code == "pm10.hourly" else {}
        calendar = calendar_from({"step": steps[one.indicator_code], **label})
        key = (
            one.indicator_code,
            one.area_code,
            one.site_code or one.stratum,
            calendar.text(int(now.period[at])),
        )
        found[key] = (
            float(now.value[at]),
            int(now.qualifier[at]),
            int(now.flags[at]) & ~int(Flag.KNOWN_AT_ASSUMED),
        )
    return found


def clean(world: World) -> None:
    assert verify(world, deep=True, deep_checks=[batch_check, delivery_check]) == []


def test_good_rows_go_in_and_the_receipt_says_so(city: World) -> None:
    receipt = send(city, HEADER + GOOD)
    assert counted(receipt) == (3, 3, 0, 3, 0, 0, 0)
    assert receipt.number == "2026-B-00001"
    assert receipt.counts.series == 2
    assert known(city) == {
        ("hfmd.daily", "421202001", "0-4", "2026-07-01"): (3.0, 0, 0),
        ("hfmd.daily", "421202002", "0-4", "2026-07-01"): (1.0, 0, 0),
        ("hfmd.daily", "421202001", "0-4", "2026-07-02"): (2.0, 0, 0),
    }
    with city.read() as connection:
        as_of = city.as_of()
        stored = delivery(connection, ALL, as_of, receipt.public_id)
        assert stored.receipt == replace(receipt, rejected_sample=())
        assert delivery(connection, ALL, as_of, "2026-B-00001").receipt == stored.receipt
        assert content(connection, ALL, as_of, receipt.public_id) == (HEADER + GOOD).encode()
        last = last_known(connection, ALL, as_of, "city.daily")
        assert last is not None
        kinds = [event.kind for event in events_after(connection, receipt.known_seq - 1)]
    assert kinds == ["batch.published", "delivery.received"]
    assert unfinished(city) == []
    clean(city)


def test_the_same_file_twice_changes_nothing(city: World) -> None:
    send(city, HEADER + GOOD)
    before = known(city)
    again = send(city, HEADER + GOOD)
    assert counted(again) == (3, 3, 0, 0, 0, 3, 0)
    assert not again.counts.changes_anything
    assert again.same_as == "2026-B-00001"
    assert known(city) == before
    with city.read() as connection:
        assert [one.receipt.number for one in deliveries(connection, ALL, city.as_of())] == [
            "2026-B-00002",
            "2026-B-00001",
        ]
    clean(city)


def test_another_value_is_a_new_version_and_the_old_one_stays(city: World, clock: FixedClock) -> None:
    first = send(city, HEADER + GOOD)
    clock.advance(timedelta(hours=1))
    second = send(city, HEADER + GOOD.replace("0-4,3", "0-4,5") + "2026-07-02,浮山街道,手足口病,0-4,4\n")
    assert counted(second) == (4, 4, 0, 1, 1, 2, 0)
    (change,) = second.changes
    assert (change.indicator, change.area, change.stratum, change.period, change.before, change.after, change.row) == (
        "hfmd.daily", "421202001", "0-4", "2026-07-01", "3", "5", 2,
    )  # fmt: skip
    with city.read() as connection:
        as_of = city.as_of()
        (series,) = [one for one in series_list(connection, ALL, as_of) if one.area_code == "421202001"]
        period = calendar_from({"step": "day"}).parse("2026-07-01")
        assert [one.value for one in history(connection, ALL, as_of, series.id, period)] == [3.0, 5.0]
        then = city.as_of(seq=first.known_seq)
        assert [one.value for one in history(connection, ALL, then, series.id, period)] == [3.0]
    clean(city)


def test_bad_rows_are_kept_with_their_reasons(city: World) -> None:
    bad = "2026-07-01,温泉镇,手足口病,0-4,2\n6月31日,温泉街道,手足口病,0-4,1\n2026-07-03,温泉街道,手足口病,0-4,＜５\n2026-07-03,421203,手足口病,0-4,1\n2026-07-03,温泉街道,天花,9-10,1\n"
    receipt = send(city, HEADER + GOOD + bad)
    assert counted(receipt)[:4] == (8, 3, 5, 3)
    with city.read() as connection:
        rows = rejected_rows(connection, ALL, city.as_of(), receipt.public_id)
        paged = rejected_rows(connection, ALL, city.as_of(), receipt.public_id, limit=2, after_row=6)
        as_file = rejected_file(connection, ALL, city.as_of(), receipt.public_id, language="zh").decode(
            "utf-8-sig"
        )
    assert [(row.row, [problem.key for problem in row.problems]) for row in rows] == [
        (5, ["intake.area.unknown"]),
        (6, ["intake.period.no_such_day"]),
        (7, ["intake.value.qualified"]),
        (8, ["intake.area.unknown"]),
        (9, ["intake.indicator.unknown"]),
    ]
    assert rows == list(receipt.rejected_sample)
    assert [row.row for row in paged] == [7, 8]
    assert rows[0].cells == ("2026-07-01", "温泉镇", "手足口病", "0-4", "2")
    assert rows[0].problems[0].where["column"] == "B"
    assert "温泉街道 (421202001)" in str(rows[0].problems[0])
    assert rows[0].problems[0].values["accepted"].say("zh") == "咸安区 17 个下级单位之一"  # type: ignore[attr-defined]
    assert "Xianning City has 421202, 421221, 421222" in str(rows[3].problems[0])
    assert as_file.splitlines()[0] == "日期,现住乡镇,疾病,年龄组,例数,未收下的原因"
    assert len(as_file.splitlines()) == 6
    clean(city)


def test_names_that_fit_several_places_are_a_question(city: World) -> None:
    receipt = send(
        city, HEADER + GOOD + "2026-07-01,官塘,手足口病,0-4,2\n2026-07-01,经济开发区,手足口病,0-4,2\n"
    )
    problems = [row.problems[0] for row in receipt.rejected_sample]
    assert [problem.key for problem in problems] == ["intake.area.unknown", "intake.area.unknown"]
    assert "官塘驿镇 (421281108), 官塘驿林场 (421281401)" in str(problems[0])


def test_rows_that_contradict_each_other_are_both_refused(city: World) -> None:
    twice = "2026-07-05,温泉街道,手足口病,0-4,2\n2026-07-05,温泉街道,手足口病,0-4,3\n"
    same = "2026-07-05,浮山街道,手足口病,0-4,7\n2026-07-05,浮山街道,手足口病,0-4,７\n"
    receipt = send(city, HEADER + twice + same)
    assert [(row.row, row.problems[0].values["other"]) for row in receipt.rejected_sample] == [(2, 3), (3, 2)]
    assert counted(receipt)[:4] == (4, 2, 2, 1)
    assert receipt.counts.repeated == 1
    summed = inspect_file(
        city, ALL, source_code="city.daily", filename="x.csv", content=(HEADER + twice).encode()
    ).mapping
    receipt = send(city, HEADER + twice, mapping=replace(summed, declared=Declared(repeats="sum")))
    assert counted(receipt)[:4] == (2, 2, 0, 1)
    assert known(city)["hfmd.daily", "421202001", "0-4", "2026-07-05"][0] == 5.0


def test_a_file_that_replaces_its_scope_withdraws_what_it_no_longer_has(
    city: World, clock: FixedClock
) -> None:
    send(city, HEADER + GOOD)
    send(city, "日期,乡镇,疾病,年龄组,例数\n2026-07-01,温泉街道,麻疹,0-4,9\n")
    clock.advance(timedelta(hours=1))
    lines = GOOD.splitlines(keepends=True)
    kept = send(city, HEADER + lines[0] + lines[2] + "2026-07-02,温泉镇,手足口病,0-4,1\n", mode="replace")
    assert counted(kept) == (3, 2, 1, 0, 0, 2, 0)
    assert "intake.note.nothing_withdrawn" in [note.key for note in kept.notes]
    shrunk = send(city, HEADER + lines[0] + lines[2], mode="replace")
    assert counted(shrunk) == (2, 2, 0, 0, 0, 2, 1)
    now = known(city)
    assert ("hfmd.daily", "421202002", "0-4", "2026-07-01") not in now
    assert now["measles.daily", "421202001", "0-4", "2026-07-01"][0] == 9.0  # not an indicator of the file
    back = send(city, HEADER + GOOD)
    assert counted(back) == (3, 3, 0, 1, 0, 2, 0)
    assert known(city)["hfmd.daily", "421202002", "0-4", "2026-07-01"][0] == 1.0
    clean(city)


def test_another_source_is_not_withdrawn(city: World) -> None:
    send(city, HEADER + GOOD, source="any")
    receipt = send(city, HEADER + GOOD.splitlines(keepends=True)[0], mode="replace")
    assert receipt.counts.withdrawn == 0


def test_a_history_of_revisions_in_one_file(city: World) -> None:
    text = "date,known_on,area,disease,cases\n"
    text += "2026-06-01,2026-06-02,咸安区,measles.daily,1\n2026-06-01,2026-06-03,咸安区,measles.daily,4\n2026-06-01,2026-06-04,咸安区,measles.daily,4\n"
    receipt = send(city, text)
    assert counted(receipt) == (3, 3, 0, 1, 1, 1, 0)
    with city.read() as connection:
        as_of = city.as_of()
        (series,) = series_list(connection, ALL, as_of)
        period = calendar_from({"step": "day"}).parse("2026-06-01")
        versions = history(connection, ALL, as_of, series.id, period)
    # What is known on a day is known by its last second in the indicator's zone.
    assert [(one.known_at, one.value) for one in versions] == [
        (datetime(2026, 6, 2, 15, 59, 59, tzinfo=UTC), 1.0),
        (datetime(2026, 6, 3, 15, 59, 59, tzinfo=UTC), 4.0),
    ]
    assert all(not one.flags & Flag.KNOWN_AT_ASSUMED for one in versions)
    late = send(
        city,
        "date,known_on,area,disease,cases\n2026-06-01,2026-06-01,咸安区,measles.daily,9\n2026-06-01,2026-05-01,咸安区,measles.daily,9\n2026-06-02,2027-01-01,咸安区,measles.daily,9\n",
    )
    assert [row.problems[0].key for row in late.rejected_sample] == [
        "intake.known_at.before",
        "intake.known_at.future",
    ]
    assert late.counts.new == 1  # an older version that comes late is a version of its own
    clean(city)


def test_hours_sites_bounds_and_missing_values(city: World) -> None:
    text = "时间,站点,PM10\n2026-07-05 01:00,永安站,31\n2026-07-05 24:00,永安站,<2\n2026-07-05 02:00,永安站,ND\n2026-07-05 03:00,永安站,-\n2026-07-05 04:30,永安站,5\n2026-07-05 05:00,汀泗站,5\n2026-07-09 05:00,永安站,5\n2026-07-05 06:00,永安站,-3\n"
    mapping = inspect_file(city, ALL, source_code="stations", filename="x.csv", content=text.encode()).mapping
    receipt = send(city, text, source="stations", mapping=mapping.set("PM10", "value", "PM10"))
    assert known(city) == {
        ("pm10.hourly", "421202", "S1", "2026-07-05T01"): (31.0, 0, 0),
        ("pm10.hourly", "421202", "S1", "2026-07-06T00"): (2.0, 1, 0),
        ("pm10.hourly", "421202", "S1", "2026-07-05T02"): (
            pytest.approx(float("nan"), nan_ok=True),
            0,
            int(Flag.NOT_DETECTED),
        ),
        ("pm10.hourly", "421202", "S1", "2026-07-05T03"): (
            pytest.approx(float("nan"), nan_ok=True),
            0,
            int(Flag.MISSING),
        ),
    }
    assert [(row.row, row.problems[0].key) for row in receipt.rejected_sample] == [
        (6, "intake.period.other_step"), (7, "intake.site.unknown"), (8, "intake.period.future"), (9, "intake.value.below"),
    ]  # fmt: skip
    clean(city)


def test_weeks_and_what_the_source_stands_for(city: World) -> None:
    text = "周次,例数\n2026年第25周,3\n2026-W26,4\n2026-06-15,3\n2026-06-16,3\n"
    receipt = send(city, text, source="county.weekly")
    assert known(city) == {
        ("measles.weekly", "421200", "", "2026-W25"): (3.0, 0, 0),
        ("measles.weekly", "421200", "", "2026-W26"): (4.0, 0, 0),
    }
    assert [row.row for row in receipt.rejected_sample] == [5]
    assert receipt.counts.repeated == 1
    assert {"intake.note.area_of_source", "intake.note.indicator_of_source"} <= {
        note.key for note in receipt.notes
    }


def test_the_sender_delivers_only_inside_the_own_scope(city: World) -> None:
    county = Scope(("CN/420000/421200/421202/",), ("test_pack",), 1, "deliver")
    with pytest.raises(NotFoundError):
        deliver(
            city, ACTOR, NOTHING, source_code="city.daily", filename="x.csv", content=(HEADER + GOOD).encode()
        )
    city_scope = Scope(("CN/420000/421200/",), ("test_pack",), 1, "deliver")
    text = (
        HEADER
        + GOOD
        + "2026-07-01,武汉市,手足口病,0-4,1\n2026-07-01,温泉街道,secret.weekly,0-4,1\n2026-07-01,温泉街道,measles.weekly,0-4,1\n"
    )
    receipt = deliver(
        city, ACTOR, city_scope, source_code="city.daily", filename="x.csv", content=text.encode()
    )
    keys = [problem.key for row in receipt.rejected_sample for problem in row.problems]
    assert keys == ["intake.area.unknown", "intake.indicator.unknown", "intake.scope.outside"]
    with city.read() as connection:
        as_of = city.as_of()
        assert deliveries(connection, NOTHING, as_of) == []
        assert deliveries(connection, county, as_of) == []
        with pytest.raises(NotFoundError):
            content(connection, county, as_of, receipt.public_id)
        with pytest.raises(NotFoundError):
            rejected_rows(connection, NOTHING, as_of, receipt.public_id)


def test_a_dry_run_writes_nothing(city: World) -> None:
    send(city, HEADER + GOOD)
    head = city.head()
    receipt = send(
        city,
        HEADER
        + GOOD.replace("0-4,3", "0-4,5")
        + "2026-07-02,温泉街道,麻疹,0-4,4\n2026-07-02,无名镇,麻疹,0-4,4\n",
        dry_run=True,
    )
    assert counted(receipt) == (5, 4, 1, 1, 1, 2, 0)
    assert (receipt.public_id, receipt.number, receipt.is_dry_run) == ("", "", True)
    assert receipt.rejected_sample[0].row == 6
    assert city.head() == head
    assert unfinished(city) == []


def test_a_mapping_is_remembered_for_its_source(city: World) -> None:
    text = "a,b,c,d\n2026-07-01,温泉街道,3,手足口病\n2026-07-02,温泉街道,4,手足口病\n"
    found = inspect_file(city, ALL, source_code="city.daily", filename="x.csv", content=text.encode())
    assert not found.is_remembered
    assert {problem.key for problem in found.problems} == {"intake.mapping.unsure"}
    with pytest.raises(InputError) as caught:
        send(city, text)
    assert caught.value.key == "intake.mapping.unusable"
    mapping = found.mapping.set("a", "period").set("b", "area").set("c", "value").set("d", "indicator")
    send(city, text, mapping=mapping, remember=True)
    with city.read() as connection:
        kept = mapping_of(connection, ALL, city.as_of(), "city.daily")
        assert mapping_of(connection, NOTHING, city.as_of(), "city.daily") is None
    assert kept is not None
    assert [column.role for column in kept.columns] == ["period", "area", "value", "indicator"]
    moved = "d,b,c,a\n手足口病,温泉街道,3,2026-07-01\n手足口病,温泉街道,9,2026-07-03\n"
    assert inspect_file(
        city, ALL, source_code="city.daily", filename="x.csv", content=moved.encode()
    ).is_remembered
    receipt = send(city, moved)
    assert (receipt.counts.unchanged, receipt.counts.new) == (1, 1)
    with city.write(ACTOR) as tx:
        assert not remember_mapping(tx, ALL, "city.daily", kept)
        assert remember_mapping(tx, ALL, "city.daily", kept.set("a", "ignore"))
    clean(city)


def test_a_wide_header_that_is_no_indicator_is_refused_as_a_whole(city: World) -> None:
    text = "时间,站点,PM10,臭氧\n2026-07-05 01:00,永安站,31,80\n"
    found = inspect_file(city, ALL, source_code="stations", filename="x.csv", content=text.encode()).mapping
    mapping = found.set("PM10", "value", "PM10").set("臭氧", "value", "臭氧")
    with pytest.raises(InputError) as caught:
        send(city, text, source="stations", mapping=mapping)
    assert [problem.key for problem in caught.value.problems] == ["intake.indicator.unknown"]
    assert unfinished(city) == []


def test_a_file_that_cannot_be_read_leaves_nothing(city: World) -> None:
    head = city.head()
    for data in (b"", b"\x00\x01\x02" * 100, b"PK\x03\x04" + b"x" * 50):
        with pytest.raises(InputError):
            send(city, data)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        send(city, HEADER + GOOD, mode="append")
    with pytest.raises(NotFoundError):
        send(city, HEADER + GOOD, source="nobody")
    assert city.head() == head
    assert unfinished(city) == []


def test_parquet_and_csv_say_the_same(city: World) -> None:
    frame = pl.DataFrame(
        {
            "date": ["2026-07-01", "2026-07-02"],
            "area": [421202, 421281],
            "disease": ["HFMD", "HFMD"],
            "cases": [3, 4],
        }
    )
    buffer = BytesIO()
    frame.with_columns(pl.col("date").str.to_date()).write_parquet(buffer)
    first = deliver(
        city, ACTOR, ALL, source_code="city.daily", filename="x.parquet", content=buffer.getvalue()
    )
    assert counted(first) == (2, 2, 0, 2, 0, 0, 0)
    second = send(city, frame.write_csv())
    assert counted(second) == (2, 2, 0, 0, 0, 2, 0)


def test_large_files_are_kept_in_parts(city: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "packed_parts", lambda data: packed_parts(data, part_bytes=50))
    seen: list[tuple[str, int, int]] = []
    receipt = send(city, HEADER + GOOD, progress=lambda *told: seen.append(told))
    with city.read() as connection:
        data = content(connection, ALL, city.as_of(), receipt.public_id)
    assert hashlib.sha256(data).hexdigest() == receipt.sha256
    with city.stage() as connection:
        connection.execute(tables.delivery_content.delete().where(tables.delivery_content.c.part == 1))
    with city.read() as connection, pytest.raises(IntegrityError, match="not those received"):
        content(connection, ALL, city.as_of(), receipt.public_id)
    assert {what for what, _, _ in seen} == {"reading", "keeping", "storing"}
    assert all(done <= total for _, done, total in seen)


def test_bytes_and_rejected_rows_that_were_edited_are_found(city: World) -> None:
    receipt = send(city, HEADER + GOOD + "2026-07-01,无名镇,手足口病,0-4,2\n")
    clean(city)
    row = tables.rejected_row
    with city.stage() as connection:
        connection.execute(row.update().values(cells=["2026-07-01", "温泉街道", "手足口病", "0-4", "2"]))
    found = verify(city, deep=True, deep_checks=[delivery_check])
    assert [finding.seq for finding in found] == [receipt.known_seq + 1]
    with city.stage() as connection:
        connection.execute(row.delete())
        connection.execute(tables.delivery_content.update().values(content=b"x"))
    assert len(verify(city, deep=True, deep_checks=[delivery_check])) == 2


def test_a_delivery_that_others_overtake_is_compared_again(
    city: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish: Callable[..., Receipt] = work.Work._publish
    overtaken: list[bool] = []

    def overtake(taken: work.Work, *arguments: object) -> Receipt:
        if not overtaken:
            overtaken.append(True)
            send(city, HEADER + GOOD)
        return publish(taken, *arguments)

    monkeypatch.setattr(work.Work, "_publish", overtake)
    receipt = send(city, HEADER + GOOD)
    assert counted(receipt) == (3, 3, 0, 0, 0, 3, 0)
    assert unfinished(city) == []
    clean(city)


def test_a_given_mapping_that_does_not_fit_is_refused(city: World) -> None:
    mapping = Mapping.from_json(
        inspect_file(
            city, ALL, source_code="city.daily", filename="x.csv", content=(HEADER + GOOD).encode()
        ).mapping.to_json()
    )
    with pytest.raises(InputError) as caught:
        send(city, HEADER.replace("例数", "病例") + GOOD, mapping=mapping)
    assert caught.value.key == "intake.mapping.changed"
