"""What the pages of sending share: names of ways and levels, options of forms, rows of units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from anlan import registry
from anlan.registry import Organisation, Person
from anlan.warning import queries as warnings
from anlan.warning.levels import Level
from anlan.warning.sending import Contact, Shift, UnitDuty
from anlan.warning.sending import queries as sending
from anlan.warning.sending.queries import WayCount
from anlan.warning.sending.rota import on_duty
from anlan.web.views.frame import Option
from anlan.web.views.sending import ContactLine, UnitRow, WayLine
from anlan.web.visit import Visit


def way_line(visit: Visit, one: WayCount) -> WayLine:
    """What became of the parcels of a way, with its word."""
    return WayLine(
        way=str(one.way),
        word=visit.t(f"web.sending.way.{one.way}"),
        **{name: value for name, value in vars(one).items() if name != "way"},
    )


def chosen(options: Iterable[tuple[str, str]], value: str) -> tuple[Option, ...]:
    """Options of a select, one of them chosen."""
    return tuple(Option(code, word, code == value) for code, word in options)


def level_options(visit: Visit, value: str) -> tuple[Option, ...]:
    """Levels from which somebody is told."""
    return chosen(((str(level), visit.t(f"web.sending.from.{level}")) for level in Level), value or "blue")


def area_options(visit: Visit, connection: Connection, value: str) -> tuple[Option, ...]:
    """The node's city and what is in it."""
    args = (connection, visit.scope, visit.as_of)
    home = visit.settings.node_area
    city = registry.area(*args, home)
    found = [city, *registry.children(*args, home)]
    return chosen(((area.code, visit.name(area.names)) for area in found), value or home)


def hazard_options(visit: Visit, connection: Connection, value: str) -> tuple[Option, ...]:
    """All hazards, or one."""
    found = warnings.hazards(connection, visit.scope, visit.as_of)
    named = ((one.code, visit.name(one.names)) for one in found)
    return chosen([("", visit.t("web.sending.all_hazards")), *named], value)


def people_of(visit: Visit) -> dict[str, Person]:
    """Who works here, by public id; people stand in the live world."""
    live = visit.site.node.world("live")
    with live.read() as connection:
        found = registry.people(connection, visit.scope, live.as_of(), retired=True)
    return {one.public_id: one for one in found}


def people_options(visit: Visit, people: Mapping[str, Person], value: str, none: str) -> tuple[Option, ...]:
    named = [(one.public_id, visit.name(one.names)) for one in people.values() if not one.retired]
    return chosen([("", visit.t(none)), *sorted(named, key=lambda item: item[1])], value)


def unit_rows(
    visit: Visit, connection: Connection, *, opened: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[UnitRow, ...]:
    """Units that must act or have contacts, by area; with ``opened`` their addresses are shown."""
    args = (connection, visit.scope, visit.as_of)
    names = {one.public_id: one for one in registry.organisations(*args)}
    areas = {area.code: visit.name(area.names) for area in registry.areas(*args)}
    hazards = {one.code: visit.name(one.names) for one in warnings.hazards(*args)}
    people = people_of(visit)
    duties = sending.duties(*args)
    contacts = sending.contacts(*args)
    concerned = {one.organisation_id for one in duties} | {one.organisation_id for one in contacts}
    shown = sorted(
        concerned & names.keys(),
        key=lambda key: (names[key].area_path, names[key].code),
    )
    return tuple(
        _row(
            visit,
            names,
            areas[names[key].area_code] if names[key].area_code in areas else names[key].area_code,
            [(one, _duty_word(visit, one, areas, hazards)) for one in duties if one.organisation_id == key],
            [_contact(visit, one, people, opened) for one in contacts if one.organisation_id == key],
            _duty_person(visit, people, on_duty(connection, visit.as_of.seq, key, visit.now)),
            key,
        )
        for key in shown
    )


def _row(
    visit: Visit,
    names: Mapping[str, Organisation],
    area: str,
    duties: list[tuple[UnitDuty, str]],
    contacts: list[ContactLine],
    duty_person: str,
    key: str,
) -> UnitRow:
    above = {one.superior_id for one, _ in duties if one.superior_id in names}
    return UnitRow(
        name=visit.name(names[key].names),
        area=area,
        duties=tuple((word, f"{visit.home}/units/duties/{one.public_id}/retire") for one, word in duties),
        contacts=tuple(contacts),
        superior=", ".join(sorted(visit.name(names[one].names) for one in above)),
        on_duty=duty_person,
    )


def _duty_word(visit: Visit, one: UnitDuty, areas: Mapping[str, str], hazards: Mapping[str, str]) -> str:
    joint = "、" if visit.language == "zh" else ", "
    what = joint.join(hazards.get(code, code) for code in one.hazards) or visit.t("web.sending.all_hazards")
    return visit.t(
        "web.sending.duty",
        hazards=what,
        level=visit.t(f"web.sending.from.{one.min_level}"),
        area=areas.get(one.area_code, one.area_code),
    )


def _contact(
    visit: Visit,
    one: Contact,
    people: Mapping[str, Person],
    opened: Mapping[str, Mapping[str, str]] | None,
) -> ContactLine:
    values = opened.get(one.public_id, {}) if opened is not None else {}
    person = people.get(one.person_id)
    return ContactLine(
        post=visit.name(person.names) if person is not None else visit.t(f"web.sending.post.{one.post}"),
        way=visit.t(f"web.sending.way.{one.way}"),
        language=one.language,
        retire_href=f"{visit.home}/units/contacts/{one.public_id}/retire",
        name=values.get("name", ""),
        address=values.get("address", ""),
    )


def _duty_person(visit: Visit, people: Mapping[str, Person], shift: Shift | None) -> str:
    if shift is None or shift.person_id not in people:
        return ""
    return visit.name(people[shift.person_id].names)
