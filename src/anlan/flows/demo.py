"""The demonstration: real, published data in the live world; a synthetic measles cluster in the exercise world.

Everything goes through the doors that people use: packs are installed, files are delivered to sources, rules run. What
is there already is left alone, so that a demonstration that was killed half way is finished by starting it again.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from anlan import datasets, intake, registry, series
from anlan.flows.install import builtin_packs, install_pack, install_places
from anlan.flows.work import look_around, work_once
from anlan.intake.mapping import ColumnUse, Role
from anlan.intake.mapping import Mapping as ColumnMapping
from anlan.registry import RoleGrant
from anlan.store import Actor, Node, Scope, World

__all__ = ["Account", "DEMO_ROLES", "build_demo"]

Say = Callable[[str], None]
_ALL = Scope.everything("demo")
_SEED = 20260706
_XIANNING = ZoneInfo("Asia/Shanghai")
_LOADER = Actor("system", "demo", "anlan demo")

# login -> (names, role, area). The areas are path prefixes: a county's reporter sees that county.
DEMO_ROLES: Mapping[str, tuple[Mapping[str, str], str, str]] = {
    "duty": ({"zh": "值班员 甲", "en": "Duty officer A"}, "duty_officer", ""),
    "chief": ({"zh": "值班领导 乙", "en": "Chief B"}, "chief", ""),
    "analyst": ({"zh": "分析员 丙", "en": "Analyst C"}, "analyst", ""),
    "reporter": (
        {"zh": "赤壁市填报员 丁", "en": "Reporter D, Chibi"},
        "reporter",
        "CN/420000/421200/421281/",
    ),
    "admin": ({"zh": "系统管理员", "en": "Operator"}, "admin", ""),
}


@dataclass(frozen=True)
class Account:
    """A demonstration account with its generated password."""

    login: str
    password: str
    role: str


def build_demo(node: Node, *, say: Say) -> list[Account]:
    """Make the two worlds, load the data, run the rules. Returns the accounts with their passwords."""
    live = _world(node, "live", "live", {"zh": "实况", "en": "Live"})
    exercise = _world(
        node, "exercise", "exercise", {"zh": "输入性麻疹疫情演练", "en": "Imported measles exercise"}
    )
    for world in (live, exercise):
        if not _is_furnished(world):
            say(f"{world.name}: areas and packs")
            install_places(world, _LOADER)
            for pack in builtin_packs():
                install_pack(world, _LOADER, pack)
    accounts = _accounts(node, live)
    for delivery in (_monthly(), _revisions(), _figures()):
        _deliver(live, delivery, say)
    _retrospective_curve(live, say)
    _deliver(exercise, _cluster(exercise), say)
    for world in (live, exercise):
        say(f"{world.name}: detection")
        work_once(world)
        look_around(world)
        work_once(world)
    return accounts


def _world(node: Node, name: str, kind: str, title: Mapping[str, str]) -> World:
    return node.world(name) if name in node.world_names() else node.create_world(name, kind, title)


def _is_furnished(world: World) -> bool:
    with world.read() as connection:
        installed = registry.installed_packs(connection, _ALL, world.as_of())
    return {pack.pack_id for pack in installed} >= {pack.id for pack in builtin_packs()}


def _accounts(node: Node, live: World) -> list[Account]:
    """Generate passwords once; they stand in a file that only the owner can read, beside the data."""
    path = node.folder / "demo-accounts.json"
    if path.exists():
        return [Account(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    made = [Account(login, secrets.token_urlsafe(9), role) for login, (_, role, _) in DEMO_ROLES.items()]
    for account in made:
        names, role, area_path = DEMO_ROLES[account.login]
        with live.write(_LOADER) as tx:
            person = registry.add_person(tx, names, [RoleGrant(role, area_path, None, 2)])
        registry.set_password(live, person, account.login, account.password, actor=_LOADER)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump([vars(account) for account in made], file, indent=1)
    return made


@dataclass(frozen=True)
class _Delivery:
    source_code: str
    filename: str
    content: bytes
    columns: Mapping[str, Role]
    fixed: Mapping[str, str]

    def mapping(self) -> ColumnMapping:
        header = next(csv.reader(io.StringIO(self.content.decode("utf-8-sig"))))
        uses = [ColumnUse(place, name, self.columns.get(name, "ignore")) for place, name in enumerate(header)]
        return ColumnMapping(tuple(uses), dict(self.fixed))


def _deliver(world: World, delivery: _Delivery, say: Say) -> None:
    with world.read() as connection:
        if series.batches(connection, _ALL, world.as_of(), source=delivery.source_code, limit=1):
            return
    say(f"{world.name}: {delivery.filename}")
    intake.deliver(
        world,
        _LOADER,
        _ALL,
        source_code=delivery.source_code,
        filename=delivery.filename,
        content=delivery.content,
        mapping=delivery.mapping(),
        mode="add",
    )


def _csv(head: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(list(head))
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def _monthly() -> _Delivery:
    found = datasets.cn_notifiable_monthly()
    return _Delivery(
        "cn.notifiable.monthly",
        found.file,
        found.read_bytes(),
        {"disease": "indicator", "month": "period", "cases": "value"},
        {"area": "CN"},
    )


def _revisions() -> _Delivery:
    found = datasets.de_covid_hospitalisation_revisions()
    return _Delivery(
        "de.covid.hospitalisation",
        found.file,
        found.read_bytes(),
        {"known_on": "known_at", "date": "period", "state": "area", "cases_7d": "value"},
        {"indicator": "disease.covid19.hospitalised_7d"},
    )


def _figures() -> _Delivery:
    found = datasets.xianning_published_figures()
    rows = [
        (row["indicator"], row["area_code"], row["year"], row["value"], f"{row['known_since']}-01")
        for row in found.rows()
    ]
    return _Delivery(
        "city.published.yearly",
        found.file,
        _csv(("indicator", "area", "year", "value", "known_at"), rows),
        {
            "indicator": "indicator",
            "area": "area",
            "year": "period",
            "value": "value",
            "known_at": "known_at",
        },
        {},
    )


def _cluster(world: World) -> _Delivery:
    """The invented counts as weekly reports: each known on the Tuesday after its week, the cluster completed a week later."""
    now = world.clock.now()
    today = now.astimezone(_XIANNING).date()
    last_monday = today - timedelta(days=today.weekday() + 7)
    invented = datasets.synthetic_measles(_SEED, last_week=last_monday)
    rows: list[tuple[str, str, int, str]] = []
    for code, counts, cluster in zip(invented.area_codes, invented.counts, invented.cluster, strict=True):
        for start, count, extra in zip(
            invented.week_starts.tolist(), counts.tolist(), cluster.tolist(), strict=True
        ):
            first = datetime.combine(start + timedelta(days=8), time(9), _XIANNING)
            late = extra // 3  # so many cases of the cluster come in with the next report only
            rows.append((code, start.isoformat(), count - late, _claim(first, now)))
            if late and first + timedelta(days=7) <= now:
                rows.append((code, start.isoformat(), count, _claim(first + timedelta(days=7), now)))
    return _Delivery(
        "county.weekly",
        "synthetic-measles-weekly.csv",
        _csv(("county", "week_start", "measles", "known_at"), rows),
        {"county": "area", "week_start": "period", "measles": "value", "known_at": "known_at"},
        {"indicator": "disease.measles.weekly"},
    )


def _claim(moment: datetime, now: datetime) -> str:
    """A moment as a source writes it; nothing when it has not come yet, so that the value is known on arrival."""
    return moment.isoformat(timespec="minutes") if moment <= now else ""


def _retrospective_curve(world: World, say: Say) -> None:
    """The H7N9 line list: records without personal values, and the daily curve recomputed from them."""
    source, indicator = "h7n9.2013.linelist", "disease.h7n9.onsets"
    with world.read() as connection:
        as_of = world.as_of()
        if series.batches(connection, _ALL, as_of, source=source, limit=1):
            return
        places = registry.area_index(connection, _ALL, as_of)
        calendar = registry.indicator(connection, _ALL, as_of, indicator).calendar
        sensitivity = registry.indicator(connection, _ALL, as_of, indicator).sensitivity
        domain = registry.indicator(connection, _ALL, as_of, indicator).domain
    say(f"{world.name}: {datasets.h7n9_china_2013_linelist().file} (retrospective)")
    known_at = datetime(
        2014, 1, 1, tzinfo=UTC
    )  # assumed: the list was published in 2014, without report dates
    records, counts = [], Counter[tuple[str, date]]()
    for row in datasets.h7n9_china_2013_linelist().rows():
        if not row["date_of_onset"]:
            continue
        area = _province(places, row["province"])
        onset = date.fromisoformat(row["date_of_onset"])
        records.append(
            series.NewRecord(
                source_code=source,
                external_id=row["case_id"],
                known_at=known_at,
                fields={"onset": onset.isoformat(), "province": area.code, "retrospective": True},
                area_code=area.code,
                area_path=area.path,
                domain=domain,
                sensitivity=sensitivity,
            )
        )
        counts[area.code, onset] += 1
    areas = {code: places.by_code[code] for code, _ in counts}
    days = [onset for _, onset in counts]
    first, last = calendar.period_of(min(days)), calendar.period_of(max(days))
    keys = [
        series.SeriesKey(indicator, code, one.path, domain, sensitivity=sensitivity)
        for code, one in sorted(areas.items())
    ]
    ids = series.series_ids(world, _LOADER, keys)
    cells = [
        (int(number), period, counts.get((key.area_code, calendar.date_of(period)), 0))
        for number, key in zip(ids, keys, strict=True)
        for period in range(first, last + 1)
    ]
    batch = series.begin_batch(world, source_code=source)
    flags = int(series.Flag.RETROSPECTIVE | series.Flag.KNOWN_AT_ASSUMED)
    series.stage_observations(
        world,
        batch,
        series.ObservationColumns.of(
            [cell[0] for cell in cells],
            [cell[1] for cell in cells],
            series.seconds_of(known_at),
            [cell[2] for cell in cells],
            flags=flags,
        ),
    )
    with world.write(_LOADER) as tx:
        series.put_records(tx, records)
        series.publish(
            tx,
            batch,
            mode="add",
            label=datasets.h7n9_china_2013_linelist().file,
            area_path="CN/",
            domain=domain,
            sensitivity=sensitivity,
        )


def _province(places: registry.AreaIndex, name: str) -> registry.Area:
    found = [area for area in places.find(name) if area.kind == "province"]
    if len(found) != 1:
        raise LookupError(f"the line list names a province that the areas do not have: {name!r}")
    return found[0]
