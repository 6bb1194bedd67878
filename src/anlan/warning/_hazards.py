"""Kinds of danger come from packs and are kept as versions, so that a text can be traced to the pack that wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anlan.errors import ConflictError
from anlan.registry.pack_types import PackHazard
from anlan.store import AsOf, Tx
from anlan.warning import queries, tables
from anlan.warning._drafting import EVERYTHING
from anlan.warning.types import TEXT_FIELDS, HazardType

__all__ = ["install_hazards"]


def install_hazards(tx: Tx, *, domain: str, pack_version: str, hazards: Sequence[PackHazard]) -> list[str]:
    """Take over the kinds of danger of a pack. Only what differs is written; the codes written are returned.

    Texts of warnings that exist already stay what they are.

    Raises
    ------
    ConflictError
        A code belongs to another pack.
    """
    known = {item.code: item for item in queries.hazards(tx.connection, EVERYTHING, AsOf(tx.seq))}
    written = []
    for hazard in hazards:
        before = known.get(hazard.code)
        if before is not None and before.domain != domain:
            raise ConflictError(
                f"the kind of danger {hazard.code!r} belongs to the pack {before.domain!r} already",
                key="warning.hazard.taken",
                values={"code": hazard.code, "domain": before.domain},
            )
        templates = {
            item.level: {field: dict(getattr(item, field)) for field in TEXT_FIELDS}
            for item in hazard.templates
        }
        row = {
            "code": hazard.code,
            "domain": domain,
            "names": dict(hazard.names),
            "category": hazard.cap_category,
            "templates": templates,
            "pack_version": pack_version,
        }
        if before is not None and _as_row(before) == {**row, "pack_version": before.pack_version}:
            continue
        tx.insert(tables.hazard, row)
        written.append(hazard.code)
    if written:
        tx.event(
            "hazards.installed",
            subject=("pack", domain),
            data={"hazards": written, "pack_version": pack_version},
        )
    return written


def _as_row(hazard: HazardType) -> dict[str, Any]:
    return {
        "code": hazard.code,
        "domain": hazard.domain,
        "names": dict(hazard.names),
        "category": hazard.category,
        "templates": {str(item.level): dict(item.texts) for item in hazard.templates},
        "pack_version": hazard.pack_version,
    }
