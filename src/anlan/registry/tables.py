"""Tables of the registry. All are append-only versions, except what has to do with signing in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from anlan.store import BigInt, JsonText, UtcTime, metadata

__all__ = [
    "area",
    "area_change",
    "area_neighbour",
    "area_population",
    "credential",
    "grant",
    "indicator",
    "organisation",
    "pack_install",
    "person",
    "session",
    "sign_in_attempt",
    "site",
    "source",
]

_CODE = sa.String(80)
_PATH = sa.String(200)
_DAY = sa.String(10)
_ID = sa.String(36)


def _versions(name: str, key: tuple[str, ...], *columns: sa.Column[Any]) -> sa.Table:
    """A versions table: the key and the sequence at which a row became known are its primary key."""
    for column in columns:
        column.primary_key = column.name in key
    known = sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True)
    return sa.Table(name, metadata, *columns, known, info={"kind": "versions", "key": key})


def _text(name: str, kind: sa.types.TypeEngine[str]) -> sa.Column[str]:
    return sa.Column(name, kind, nullable=False, default="")


area = _versions(
    "area",
    ("code",),
    sa.Column("code", _CODE, nullable=False),
    _text("parent_code", _CODE),
    sa.Column("path", _PATH, nullable=False, index=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("names", JsonText, nullable=False),
    sa.Column("aliases", JsonText, nullable=False),
    sa.Column("lon", sa.Double),
    sa.Column("lat", sa.Double),
    sa.Column("outline", JsonText),  # GeoJSON geometry, or null
    _text("valid_from", _DAY),
    _text("valid_to", _DAY),
    _text("source", sa.String(400)),
)

area_change = _versions(
    "area_change",
    ("from_code", "to_code", "on_date"),
    sa.Column("from_code", _CODE, nullable=False),
    sa.Column("to_code", _CODE, nullable=False),
    sa.Column("on_date", _DAY, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),  # split, merger, transfer, recoded
    _text("source", sa.String(400)),
)

area_population = _versions(
    "area_population",
    ("code", "on_date"),
    sa.Column("code", _CODE, nullable=False),
    sa.Column("on_date", _DAY, nullable=False),
    sa.Column("value", BigInt, nullable=False),
    _text("source", sa.String(400)),
)

area_neighbour = _versions(
    "area_neighbour",
    ("code", "neighbour_code"),
    sa.Column("code", _CODE, nullable=False),
    sa.Column("neighbour_code", _CODE, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False, default=False),
)

site = _versions(
    "site",
    ("public_id",),
    sa.Column("public_id", _ID, nullable=False),
    sa.Column("node_id", _ID, nullable=False),
    sa.Column("code", _CODE, nullable=False),
    sa.Column("names", JsonText, nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("area_code", _CODE, nullable=False),
    sa.Column("area_path", _PATH, nullable=False),
    sa.Column("lon", sa.Double),
    sa.Column("lat", sa.Double),
    sa.Column("domain", sa.String(40), nullable=False),
    sa.Column("retired", sa.Boolean, nullable=False, default=False),
)

organisation = _versions(
    "organisation",
    ("public_id",),
    sa.Column("public_id", _ID, nullable=False),
    sa.Column("node_id", _ID, nullable=False),
    sa.Column("code", _CODE, nullable=False),
    sa.Column("names", JsonText, nullable=False),
    sa.Column("area_code", _CODE, nullable=False),
    sa.Column("area_path", _PATH, nullable=False),
    sa.Column("retired", sa.Boolean, nullable=False, default=False),
)

person = _versions(
    "person",
    ("public_id",),
    sa.Column("public_id", _ID, nullable=False),
    sa.Column("names", JsonText, nullable=False),
    _text("organisation_id", _ID),
    sa.Column("retired", sa.Boolean, nullable=False, default=False),
)

grant = _versions(
    "person_grant",
    ("person_id",),
    sa.Column("person_id", _ID, nullable=False),
    sa.Column("roles", JsonText, nullable=False),  # [{role, area_path, domain, sensitivity}]
)

indicator = _versions(
    "indicator",
    ("code",),
    sa.Column("code", _CODE, nullable=False),
    sa.Column("domain", sa.String(40), nullable=False),
    sa.Column("names", JsonText, nullable=False),
    sa.Column("unit", sa.String(20), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("calendar", JsonText, nullable=False),
    sa.Column("strata", JsonText, nullable=False),
    sa.Column("area_kinds", JsonText, nullable=False),
    sa.Column("site_kinds", JsonText, nullable=False),
    sa.Column("aliases", JsonText, nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("decimals", sa.Integer, nullable=False),
    _text("better", sa.String(10)),
    sa.Column("rolling_periods", sa.Integer, nullable=False, default=1),
    sa.Column("basis", JsonText, nullable=False),
    _text("pack_id", sa.String(40)),
    _text("pack_version", sa.String(40)),
    sa.Column("local_edit", sa.Boolean, nullable=False, default=False),
    sa.Column("retired", sa.Boolean, nullable=False, default=False),
)

source = _versions(
    "source",
    ("code",),
    sa.Column("code", _CODE, nullable=False),
    sa.Column("domain", sa.String(40), nullable=False),
    sa.Column("names", JsonText, nullable=False),
    _text("area_code", _CODE),
    _text("area_path", _PATH),
    sa.Column("delivers", JsonText, nullable=False),
    sa.Column("rhythm", JsonText, nullable=False),  # {step, due_after_hours, grace_hours}
    sa.Column("known_at", sa.String(10), nullable=False),  # reported, assumed
    sa.Column("attribution", JsonText, nullable=False),
    _text("licence", sa.String(400)),
    _text("pack_id", sa.String(40)),
    _text("pack_version", sa.String(40)),
    sa.Column("local_edit", sa.Boolean, nullable=False, default=False),
    sa.Column("retired", sa.Boolean, nullable=False, default=False),
)

pack_install = _versions(
    "pack_install",
    ("pack_id",),
    sa.Column("pack_id", sa.String(40), nullable=False),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("content", JsonText, nullable=False),
)

credential = sa.Table(
    "credential",
    metadata,
    sa.Column("person_id", _ID, primary_key=True),
    sa.Column("login", sa.String(80), nullable=False, unique=True),
    sa.Column("password_hash", sa.String(200), nullable=False),
    sa.Column("totp_secret", sa.String(64)),
    sa.Column("totp_used_step", BigInt),  # a code counts once
    sa.Column("changed_at", UtcTime, nullable=False),
    info={"kind": "housekeeping"},
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("person_id", _ID, nullable=False, index=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("csrf", sa.String(64), nullable=False),
    info={"kind": "housekeeping"},
)

sign_in_attempt = sa.Table(
    "sign_in_attempt",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("login", sa.String(80), nullable=False, index=True),
    sa.Column("address", sa.String(80), nullable=False, index=True),
    sa.Column("at", UtcTime, nullable=False),
    info={"kind": "housekeeping"},
)
