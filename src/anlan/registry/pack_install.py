"""Installing a pack: its indicators and sources become rows here; what was edited here stays as it is.

Rules of a pack belong to the room ``analysis``, which installs them by the same principle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from anlan.errors import ConflictError
from anlan.registry import tables
from anlan.registry.actions import current_rows, plain_row
from anlan.registry.pack_types import Pack, PackIndicator, PackSource
from anlan.registry.types import Difference, PackReport
from anlan.store import Tx, latest

__all__ = ["install_pack", "pack_content"]


def install_pack(tx: Tx, pack: Pack) -> PackReport:
    """Install a pack or a newer version of it.

    A row that was edited here is never overwritten; the report says how the pack would have it. What an earlier
    version brought and this one no longer has is retired, not deleted.

    Raises
    ------
    ConflictError
        A newer version is installed, or a code belongs to another pack.
    """
    installed = next((row for row in current_rows(tx, tables.pack_install) if row.pack_id == pack.id), None)
    if installed is not None and _order(installed.version) > _order(pack.version):
        raise ConflictError(
            f"{pack.id} {installed.version} is installed and newer than {pack.version}",
            key="pack.older",
            values={"pack": pack.id, "installed": installed.version, "version": pack.version},
        )
    indicators = {indicator.code: _indicator_row(pack, indicator) for indicator in pack.indicators}
    sources = {source.code: _source_row(tx, pack, source) for source in pack.sources}
    reports = [
        _merge(tx, tables.indicator, "indicator", pack, indicators),
        _merge(tx, tables.source, "source", pack, sources),
    ]
    if installed is None or installed.digest != pack.digest:
        content = {
            "pack_id": pack.id,
            "version": pack.version,
            "digest": pack.digest,
            "content": pack_content(pack),
        }
        tx.insert(tables.pack_install, content)
    found = {
        key: tuple(code for one in reports for code in one[key])
        for key in ("new", "changed", "retired", "kept")
    }
    differences = tuple(difference for one in reports for difference in one["differences"])
    report = PackReport(pack.id, pack.version, **found, differences=differences)
    counts = {key: len(codes) for key, codes in found.items()}
    about = {"version": pack.version, "digest": pack.digest, **counts}
    tx.event("pack.installed", subject=("pack", pack.id), data=about)
    return report


def pack_content(pack: Pack) -> dict[str, Any]:
    """All of a pack as plain values, as it is kept with its installation."""
    content: dict[str, Any] = _plain_value(asdict(pack))
    return content


def _merge(
    tx: Tx, table: sa.Table, what: str, pack: Pack, wanted: Mapping[str, dict[str, Any]]
) -> dict[str, list[Any]]:
    present = {row.code: row for row in current_rows(tx, table)}
    report: dict[str, list[Any]] = {"new": [], "changed": [], "retired": [], "kept": [], "differences": []}
    rows = []
    for code, values in wanted.items():
        before = plain_row(present[code]) if code in present else None
        if before is None:
            report["new"].append(code)
            rows.append(values)
        elif before["pack_id"] != pack.id:
            raise ConflictError(
                f"the {what} {code} belongs to the pack {before['pack_id'] or 'of this node'}",
                key="pack.code_taken",
                values={"what": what, "code": code, "pack": before["pack_id"]},
            )
        elif before["local_edit"]:
            differences = _differences(what, code, before, values)
            report["differences"] += differences
            if differences:
                report["kept"].append(code)
        elif _differences(what, code, before, values):
            report["changed"].append(code)
            rows.append(values)
    for code, row in present.items():
        if row.pack_id == pack.id and code not in wanted and not row.retired and not row.local_edit:
            report["retired"].append(code)
            rows.append({**plain_row(row), "retired": True})
    tx.insert(table, rows)
    return report


def _differences(
    what: str, code: str, before: Mapping[str, Any], values: Mapping[str, Any]
) -> list[Difference]:
    ignored = {"pack_version", "local_edit"}
    return [
        Difference(what, code, name, before[name], value)
        for name, value in values.items()
        if name not in ignored and before[name] != value
    ]


def _indicator_row(pack: Pack, indicator: PackIndicator) -> dict[str, Any]:
    values = _plain_value(asdict(indicator))
    values["strata"] = [{"code": code, "names": dict(names)} for code, names in indicator.strata]
    values["calendar"] = indicator.calendar.to_dict()
    return {**values, **_from(pack)}


def _source_row(tx: Tx, pack: Pack, source: PackSource) -> dict[str, Any]:
    now = latest(tables.area, tx.seq - 1)
    path = tx.connection.execute(
        sa.select(now.c.path).where(now.c.code == source.area_code)
    ).scalar_one_or_none()
    values = _plain_value(asdict(source))
    rhythm = {key: values.pop(key) for key in ("step", "due_after_hours", "grace_hours")}
    # An area that is not loaded yet leaves the path empty; installing again fills it in.
    return {**values, "rhythm": rhythm, "area_path": path or "", **_from(pack)}


def _from(pack: Pack) -> dict[str, Any]:
    return {
        "domain": pack.id,
        "pack_id": pack.id,
        "pack_version": pack.version,
        "local_edit": False,
        "retired": False,
    }


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain_value(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_value(inner) for inner in value]
    return value


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
