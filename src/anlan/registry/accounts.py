"""Signing in: passwords, one-time codes, sessions and the pause after too many failures. In the live world only.

Nothing in here is journaled but that a password was set: sessions and attempts are housekeeping and carry no history.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import struct
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from anlan.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from anlan.registry import tables
from anlan.registry.actions import current_rows
from anlan.registry.queries import person as find_person
from anlan.registry.types import Session, SignedIn
from anlan.settings import Settings
from anlan.store import Actor, AsOf, Scope, World, latest

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = [
    "MIN_PASSWORD",
    "enable_totp",
    "session",
    "set_password",
    "sign_in",
    "sign_out",
    "totp_code",
]

MIN_PASSWORD, _MAX_PASSWORD = 10, 200
_LOGIN = re.compile(r"[^\s\x00-\x1f]{2,64}")
# An address may serve many people, a login may be tried from many addresses: both get more room than the pair.
_ADDRESS_FACTOR, _LOGIN_FACTOR = 5, 10
_SEEN_EVERY = timedelta(minutes=1)
_STEP_SECONDS = 30


def set_password(world: World, person_id: str, login: str, password: str, *, actor: Actor) -> None:
    """Give a person a login and a password, or a new one; their open sessions end.

    Raises
    ------
    NotFoundError, InputError, ConflictError
        Unknown person; a login or password that is not accepted; a login that somebody else has.
    """
    _check_live(world)
    name = _login(login)
    if not MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
        raise InputError(
            f"a password has {MIN_PASSWORD} to {_MAX_PASSWORD} characters",
            key="account.password_length",
            values={"least": MIN_PASSWORD, "most": _MAX_PASSWORD},
        )
    # Hashing takes a tenth of a second on purpose; it is done before the journal's lock is held.
    hashed = _hasher().hash(password)
    with world.write(actor) as tx:
        if not any(row.public_id == person_id for row in current_rows(tx, tables.person)):
            raise NotFoundError("no such person", key="person.unknown", values={"person": person_id})
        taken = tx.connection.execute(
            sa.select(tables.credential.c.person_id).where(tables.credential.c.login == name)
        ).scalar_one_or_none()
        if taken not in (None, person_id):
            raise ConflictError(
                f"the login {name!r} is taken", key="account.login_taken", values={"login": name}
            )
        values = {"login": name, "password_hash": hashed, "changed_at": tx.now}
        changed = tx.connection.execute(
            tables.credential.update().where(tables.credential.c.person_id == person_id).values(**values)
        )
        if not changed.rowcount:
            tx.connection.execute(tables.credential.insert().values(person_id=person_id, **values))
        tx.connection.execute(tables.session.delete().where(tables.session.c.person_id == person_id))
        tx.event("account.password_set", subject=("person", person_id))


def enable_totp(world: World, person_id: str, *, actor: Actor) -> str:
    """Ask a person for a one-time code from now on; returns the secret (base32) for their app, once."""
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    with world.write(actor) as tx:
        changed = tx.connection.execute(
            tables.credential.update()
            .where(tables.credential.c.person_id == person_id)
            .values(totp_secret=secret, totp_used_step=None)
        )
        if not changed.rowcount:
            raise NotFoundError(
                "this person has no account", key="account.unknown", values={"person": person_id}
            )
        tx.event("account.totp_enabled", subject=("person", person_id))
    return secret


def sign_in(
    world: World, login: str, password: str, address: str, settings: Settings, *, code: str = ""
) -> Session:
    """Check a password (and a one-time code where one is set up) and open a session.

    An unknown login takes as long as a wrong password and gets the same answer.

    Raises
    ------
    ForbiddenError
        Keys: ``sign_in.refused`` (login, password or code), ``sign_in.code_needed``, ``sign_in.paused``.
    """
    _check_live(world)
    name, place, now = (
        unicodedata.normalize("NFKC", login).strip().casefold()[:80],
        address[:80],
        world.clock.now(),
    )
    # The attempt is noted before the password is looked at, so that many at once cannot slip through.
    attempt = _note_attempt(world, name, place, now, settings)
    found = _credential(world, name)
    good = _verify(found.password_hash if found else _nobody(), password[: _MAX_PASSWORD + 1])
    if found is None or not good or not _is_active(world, found.person_id):
        raise ForbiddenError("login or password is not right", key="sign_in.refused")
    if found.totp_secret and not code:
        _forget_attempts(world, attempt_id=attempt)
        raise ForbiddenError("a one-time code is needed", key="sign_in.code_needed")
    step = _totp_step(found.totp_secret, code, now) if found.totp_secret else None
    if found.totp_secret and (step is None or step <= (found.totp_used_step or 0)):
        raise ForbiddenError("login, password or code is not right", key="sign_in.refused")
    return _open_session(world, found, password, step, name, place, now, settings)


def session(world: World, token: str, settings: Settings) -> SignedIn | None:
    """Who is behind a token, or None when it is unknown, too old, or the person has left."""
    now = world.clock.now()
    limit = timedelta(hours=settings.session_hours)
    hashed = _token_hash(token)
    with world.read() as connection:
        row = connection.execute(
            sa.select(tables.session).where(tables.session.c.token_hash == hashed)
        ).one_or_none()
        if row is None or now - row.seen_at > limit:
            return None
        try:
            found = find_person(connection, Scope.everything("sign-in"), AsOf(2**62), row.person_id)
        except NotFoundError:
            return None
    if found.retired:
        return None
    if now - row.seen_at >= _SEEN_EVERY:
        with world.stage() as connection:
            connection.execute(
                tables.session.update().where(tables.session.c.token_hash == hashed).values(seen_at=now)
            )
    return SignedIn(found, row.csrf, row.created_at, now)


def sign_out(world: World, token: str) -> None:
    """End a session; an unknown token is no error."""
    with world.stage() as connection:
        connection.execute(tables.session.delete().where(tables.session.c.token_hash == _token_hash(token)))


def totp_code(secret: str, moment: datetime) -> str:
    """The one-time code of a secret at a moment (RFC 6238: SHA-1, 30 s, six digits)."""
    return _hotp(secret, int(moment.timestamp()) // _STEP_SECONDS)


def _check_live(world: World) -> None:
    if not world.is_live:
        raise ForbiddenError("accounts are kept in the live world only", key="account.live_only")


def _note_attempt(world: World, login: str, address: str, now: datetime, settings: Settings) -> int:
    """Count the failures so far and add this attempt as one, in one transaction; returns its id."""
    attempts = tables.sign_in_attempt
    pause = timedelta(minutes=settings.sign_in_pause_minutes)
    with world.stage() as connection:
        # One writer at a time on PostgreSQL too, or two attempts at once would not see each other.
        if world.dialect == "postgresql":
            connection.exec_driver_sql("LOCK TABLE sign_in_attempt IN EXCLUSIVE MODE")
        connection.execute(attempts.delete().where(attempts.c.at < now - pause))
        same_login, same_address = attempts.c.login == login, attempts.c.address == address
        counts = connection.execute(
            sa.select(
                sa.func.count().filter(sa.and_(same_login, same_address)),
                sa.func.count().filter(same_address),
                sa.func.count().filter(same_login),
            )
        ).one()
        allowed = settings.sign_in_attempts
        limits = (allowed, allowed * _ADDRESS_FACTOR, allowed * _LOGIN_FACTOR)
        if any(count >= limit for count, limit in zip(counts, limits, strict=True)):
            raise ForbiddenError(
                "too many failed sign-ins; wait a while",
                key="sign_in.paused",
                values={"minutes": settings.sign_in_pause_minutes},
            )
        noted = attempts.insert().values(login=login, address=address, at=now).returning(attempts.c.id)
        return int(connection.execute(noted).scalar_one())


def _forget_attempts(world: World, *, attempt_id: int) -> None:
    with world.stage() as connection:
        connection.execute(tables.sign_in_attempt.delete().where(tables.sign_in_attempt.c.id == attempt_id))


def _open_session(
    world: World,
    found: sa.Row[Any],
    password: str,
    step: int | None,
    login: str,
    address: str,
    now: datetime,
    settings: Settings,
) -> Session:
    attempts, sessions = tables.sign_in_attempt, tables.session
    opened = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), found.person_id, now)
    changes: dict[str, Any] = {} if step is None else {"totp_used_step": step}
    if _hasher().check_needs_rehash(found.password_hash):
        changes["password_hash"] = _hasher().hash(password)
    with world.stage() as connection:
        connection.execute(attempts.delete().where(attempts.c.login == login, attempts.c.address == address))
        connection.execute(
            sessions.delete().where(sessions.c.seen_at < now - timedelta(hours=settings.session_hours))
        )
        if changes:
            credential = tables.credential
            used = sa.func.coalesce(credential.c.totp_used_step, 0)
            query = credential.update().where(credential.c.person_id == found.person_id).values(**changes)
            if step is not None:
                query = query.where(used < step)
            if not connection.execute(query).rowcount:
                raise ForbiddenError("login, password or code is not right", key="sign_in.refused")
        connection.execute(
            sessions.insert().values(
                token_hash=_token_hash(opened.token), person_id=found.person_id, created_at=now, seen_at=now,
                csrf=opened.csrf,
            )
        )  # fmt: skip
    return opened


def _credential(world: World, login: str) -> sa.Row[Any] | None:
    with world.read() as connection:
        return connection.execute(
            sa.select(tables.credential).where(tables.credential.c.login == login)
        ).one_or_none()


def _is_active(world: World, person_id: str) -> bool:
    now = latest(tables.person, 2**62)
    with world.read() as connection:
        query = sa.select(now.c.retired).where(now.c.public_id == person_id)
        return connection.execute(query).scalar_one_or_none() is False


def _login(login: str) -> str:
    name = unicodedata.normalize("NFKC", login).strip().casefold()
    if not _LOGIN.fullmatch(name):
        raise InputError(
            f"a login has 2 to 64 characters without blanks. Got {login!r}.",
            key="account.login_form",
            values={"login": login},
        )
    return name


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    """A hash that no password fits, with the parameters of real ones."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _verify(hashed: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _hotp(secret: str, counter: int) -> str:
    """HMAC one-time password (RFC 4226, section 5.3)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def _totp_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code was given; one step to either side is accepted for clocks that differ."""
    current = int(now.timestamp()) // _STEP_SECONDS
    given = unicodedata.normalize("NFKC", code).replace(" ", "")
    try:
        matching = [
            step
            for step in (current - 1, current, current + 1)
            if hmac.compare_digest(_hotp(secret, step), given)
        ]
    except (TypeError, binascii.Error):
        return None
    return matching[-1] if matching else None
