"""Changes to areas, sites, organisations, indicators, sources and packs. Each writes full new versions and an event.

Loading the same again changes nothing: rows that say what is already known are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import sqlalchemy as sa

from anlan.errors import ConflictError, InputError, NotFoundError, ParameterError, Problem
from anlan.registry import tables
from anlan.registry.types import AREA_KINDS, AreaChange, NewArea, Population
from anlan.store import Tx, latest, new_public_id

__all__ = [
    "add_organisation",
    "add_site",
    "edit_indicator",
    "edit_source",
    "load_area_changes",
    "load_areas",
    "load_neighbours",
    "load_populations",
]

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,78}")
_CHANGE_KINDS = ("split", "merger", "transfer", "recoded")
_INDICATOR_FIELDS = ("names", "decimals", "sensitivity", "basis", "aliases", "retired", "better")
_SOURCE_FIELDS = ("names", "area_code", "rhythm", "known_at", "attribution", "licence", "retired", "delivers")


def load_areas(tx: Tx, areas: Iterable[NewArea]) -> list[str]:
    """Add areas or new versions of them; returns the codes that are new or changed.

    Areas below one that moves to another parent get their new paths with it.

    Raises
    ------
    InputError
        Unknown parents, circles, unknown kinds, bad dates or missing names; all are listed and nothing is loaded.
    """
    given = {area.code: area for area in areas}
    present = {row.code: row for row in current_rows(tx, tables.area)}
    problems = [problem for area in given.values() for problem in _area_problems(area, given, present)]
    if problems:
        raise InputError("the areas cannot be loaded", key="area.load", problems=problems)
    parents = {
        **{code: row.parent_code for code, row in present.items()},
        **{a.code: a.parent_code for a in given.values()},
    }
    rows = []
    for code in sorted(parents):
        path = _path(code, parents)
        if code in given:
            values = {**asdict(given[code]), "aliases": list(given[code].aliases), "path": path}
        else:
            values = {**_plain(present[code]), "path": path}
        if code not in present or _plain(present[code]) != values:
            rows.append(values)
    tx.insert(tables.area, rows)
    codes = [row["code"] for row in rows]
    tx.event("area.loaded", data={"changed": len(codes), "codes": codes[:50]})
    return codes


def load_neighbours(tx: Tx, pairs: Iterable[tuple[str, str]]) -> int:
    """State which areas touch, in both directions; pairs of areas that are named and no longer stated are removed.

    Only pairs that touch a named area are looked at. Returns how many rows changed.
    """
    wanted = {ordered for one, other in pairs for ordered in ((one, other), (other, one))}
    known = {row.code for row in current_rows(tx, tables.area)}
    missing = sorted({code for pair in wanted for code in pair} - known)
    if missing:
        raise InputError(
            f"unknown areas: {', '.join(missing)}", key="area.unknown", values={"code": ", ".join(missing)}
        )
    if loops := sorted({one for one, other in wanted if one == other}):
        raise InputError(f"an area is not its own neighbour: {', '.join(loops)}", key="area.own_neighbour")
    named = {code for code, _ in wanted}
    present = {(row.code, row.neighbour_code): row.removed for row in current_rows(tx, tables.area_neighbour)}
    rows = [_neighbour(pair, False) for pair in sorted(wanted) if present.get(pair, True)]
    gone = [pair for pair, removed in present.items() if not removed and pair not in wanted]
    rows += [_neighbour(pair, True) for pair in sorted(gone) if pair[0] in named and pair[1] in named]
    tx.insert(tables.area_neighbour, rows)
    tx.event("area.neighbours_loaded", data={"changed": len(rows)})
    return len(rows)


def load_populations(tx: Tx, populations: Iterable[Population]) -> int:
    """Add dated populations, or correct them. Returns how many rows are new or changed."""
    present = {(row.code, row.on_date): row for row in current_rows(tx, tables.area_population)}
    known = {row.code for row in current_rows(tx, tables.area)}
    rows, problems = {}, []
    for entry in populations:
        where = {"area": entry.code, "on": entry.on_date}
        if entry.code not in known:
            problems.append(Problem("area.unknown", {"code": entry.code}, where, f"no area {entry.code!r}"))
        if entry.value < 0 or not _is_date(entry.on_date):
            problems.append(
                Problem("area.population", {}, where, "a population is a number >= 0 on a date YYYY-MM-DD")
            )
        before = present.get((entry.code, entry.on_date))
        if before is None or (before.value, before.source) != (entry.value, entry.source):
            rows[entry.code, entry.on_date] = asdict(entry)
    if problems:
        raise InputError("the populations cannot be loaded", key="area.load", problems=problems)
    tx.insert(tables.area_population, list(rows.values()))
    tx.event("area.populations_loaded", data={"changed": len(rows)})
    return len(rows)


def load_area_changes(tx: Tx, changes: Iterable[AreaChange]) -> int:
    """Record splits, mergers, transfers and new codes. Returns how many rows are new or changed."""
    present = {(row.from_code, row.to_code, row.on_date): row for row in current_rows(tx, tables.area_change)}
    rows = {}
    for change in changes:
        if change.kind not in _CHANGE_KINDS or not _is_date(change.on_date):
            raise InputError(
                f"kind must be one of {', '.join(_CHANGE_KINDS)}, on_date YYYY-MM-DD. Got {change}."
            )
        key = (change.from_code, change.to_code, change.on_date)
        if key not in present or (present[key].kind, present[key].source) != (change.kind, change.source):
            rows[key] = asdict(change)
    tx.insert(tables.area_change, list(rows.values()))
    tx.event("area.changes_loaded", data={"changed": len(rows)})
    return len(rows)


def add_site(
    tx: Tx,
    *,
    code: str,
    names: Mapping[str, str],
    kind: str,
    area_code: str,
    domain: str,
    lon: float | None = None,
    lat: float | None = None,
) -> str:
    """Add a watched place; returns its public id. Its code is unique among sites."""
    _check_code(code)
    _check_names(names)
    if any(row.code == code for row in current_rows(tx, tables.site)):
        raise ConflictError(f"the site {code} exists already", key="site.exists", values={"code": code})
    public_id = new_public_id()
    place = {"area_code": area_code, "area_path": _area_path(tx, area_code), "lon": lon, "lat": lat}
    about = {"code": code, "names": dict(names), "kind": kind, "domain": domain, "retired": False}
    tx.insert(tables.site, {"public_id": public_id, "node_id": tx.world.node_id, **about, **place})
    tx.event("site.added", subject=("site", public_id), data={"code": code, "area": area_code})
    return public_id


def add_organisation(tx: Tx, *, code: str, names: Mapping[str, str], area_code: str) -> str:
    """Add an organisation; returns its public id. Its code is unique among organisations."""
    _check_code(code)
    _check_names(names)
    if any(row.code == code for row in current_rows(tx, tables.organisation)):
        raise ConflictError(
            f"the organisation {code} exists already", key="organisation.exists", values={"code": code}
        )
    public_id = new_public_id()
    place = {"area_code": area_code, "area_path": _area_path(tx, area_code), "retired": False}
    about = {"public_id": public_id, "node_id": tx.world.node_id, "code": code, "names": dict(names)}
    tx.insert(tables.organisation, {**about, **place})
    tx.event(
        "organisation.added", subject=("organisation", public_id), data={"code": code, "area": area_code}
    )
    return public_id


def edit_indicator(tx: Tx, code: str, *, expected_seq: int, **changes: Any) -> None:
    """Change an indicator here; a later version of its pack will not undo it.

    Raises
    ------
    NotFoundError, ConflictError, ParameterError
        Unknown code; somebody changed it since ``expected_seq``; a field that cannot be edited.
    """
    _edit(tx, tables.indicator, "indicator", code, expected_seq, changes, _INDICATOR_FIELDS)


def edit_source(tx: Tx, code: str, *, expected_seq: int, **changes: Any) -> None:
    """Change a source here (its rhythm, names, area, or whether it is retired); raises as ``edit_indicator``."""
    if "area_code" in changes:
        changes["area_path"] = _area_path(tx, changes["area_code"])
    if "rhythm" in changes:
        _check_rhythm(changes["rhythm"])
    _edit(tx, tables.source, "source", code, expected_seq, changes, (*_SOURCE_FIELDS, "area_path"))


def current_rows(tx: Tx, table: sa.Table) -> Sequence[sa.Row[Any]]:
    """The newest version of every object of a table, as this transaction finds it."""
    return tx.connection.execute(sa.select(latest(table, tx.seq - 1))).all()


def plain_row(row: sa.Row[Any]) -> dict[str, Any]:
    """A row as values to insert again."""
    return _plain(row)


def check_unchanged(row: sa.Row[Any] | None, what: str, code: str, expected_seq: int) -> sa.Row[Any]:
    """The row, if it is still the version that the person saw."""
    if row is None:
        raise NotFoundError(f"no {what} {code!r}", key=f"{what}.unknown", values={"code": code})
    if row.known_seq != expected_seq:
        raise ConflictError(
            f"{what} {code} was changed after you looked at it; look again",
            key="registry.changed_since",
            values={"what": what, "code": code, "expected_seq": expected_seq, "known_seq": row.known_seq},
        )
    return row


def _edit(
    tx: Tx,
    table: sa.Table,
    what: str,
    code: str,
    expected_seq: int,
    changes: Mapping[str, Any],
    fields: tuple[str, ...],
) -> None:
    unknown = sorted(set(changes) - set(fields))
    if unknown or not changes:
        raise ParameterError(
            f"what can be edited is {', '.join(fields)}. Got {', '.join(unknown) or 'nothing'}."
        )
    if "names" in changes:
        _check_names(changes["names"])
    found = next((row for row in current_rows(tx, table) if row.code == code), None)
    row = check_unchanged(found, what, code, expected_seq)
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in changes.items()}
    tx.insert(table, {**_plain(row), **values, "local_edit": True})
    tx.event(f"{what}.edited", subject=(what, code), data={"fields": sorted(changes)})


def _area_problems(area: NewArea, given: Mapping[str, NewArea], present: Mapping[str, Any]) -> list[Problem]:
    where = {"area": area.code}
    problems = []
    if not _CODE.fullmatch(area.code):
        problems.append(Problem("area.code", {"code": area.code}, where, f"{area.code!r} is not a code"))
    if area.kind not in AREA_KINDS:
        message = f"kind must be one of {', '.join(AREA_KINDS)}. Got {area.kind!r}."
        problems.append(
            Problem("area.kind", {"kind": area.kind, "accepted": ", ".join(AREA_KINDS)}, where, message)
        )
    if area.parent_code and area.parent_code not in given and area.parent_code not in present:
        message = f"the parent {area.parent_code!r} is unknown"
        problems.append(Problem("area.parent_unknown", {"code": area.parent_code}, where, message))
    elif _is_in_circle(area.code, given, present):
        problems.append(Problem("area.circle", {"code": area.code}, where, "the area lies below itself"))
    if not any(area.names.values()):
        problems.append(Problem("area.no_name", {}, where, "an area needs a name"))
    for day in (area.valid_from, area.valid_to):
        if day and not _is_date(day):
            problems.append(
                Problem("area.date", {"value": day}, where, f"dates are written YYYY-MM-DD. Got {day!r}.")
            )
    return problems


def _is_in_circle(code: str, given: Mapping[str, NewArea], present: Mapping[str, Any]) -> bool:
    seen, current = {code}, code
    while current:
        current = (
            given[current].parent_code
            if current in given
            else getattr(present.get(current), "parent_code", "")
        )
        if current in seen:
            return True
        seen.add(current)
    return False


def _path(code: str, parents: Mapping[str, str]) -> str:
    steps = [code]
    while parents.get(steps[-1]):
        steps.append(parents[steps[-1]])
    return "".join(f"{step}/" for step in reversed(steps))


def _plain(row: sa.Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "known_seq"}


def _neighbour(pair: tuple[str, str], removed: bool) -> dict[str, Any]:
    return {"code": pair[0], "neighbour_code": pair[1], "removed": removed}


def _area_path(tx: Tx, code: str) -> str:
    now = latest(tables.area, tx.seq - 1)
    path: str | None = tx.connection.execute(
        sa.select(now.c.path).where(now.c.code == code)
    ).scalar_one_or_none()
    if path is None:
        raise InputError(f"no area {code!r}", key="area.unknown", values={"code": code})
    return path


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_code(code: str) -> None:
    if not _CODE.fullmatch(code):
        raise InputError(
            f"a code has letters, digits, '_', '.', '-', at most 79. Got {code!r}.", key="registry.code"
        )


def _check_names(names: Mapping[str, str]) -> None:
    if not set(names) <= {"zh", "en"} or not any(names.values()):
        raise InputError(
            f"names are given as zh and en, at least one. Got {dict(names)!r}.", key="registry.names"
        )


def _check_rhythm(rhythm: Mapping[str, Any]) -> None:
    hours = (rhythm.get("due_after_hours"), rhythm.get("grace_hours"))
    good = set(rhythm) == {"step", "due_after_hours", "grace_hours"} and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 for value in hours
    )
    if not good or rhythm["step"] not in ("hour", "day", "week", "month", "quarter", "year"):
        raise InputError(
            f"a rhythm has step, due_after_hours >= 0 and grace_hours >= 0. Got {dict(rhythm)!r}.",
            key="source.rhythm",
        )
