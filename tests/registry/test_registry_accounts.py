"""People, scopes, passwords, one-time codes, sessions and the pause after failures. On both databases."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher, extract_parameters

from anlan.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from anlan.registry import (
    PERMISSIONS,
    RoleGrant,
    accounts,
    add_person,
    enable_totp,
    grant,
    people,
    person,
    retire_person,
    roles_of,
    scope_of,
    session,
    set_password,
    sign_in,
    sign_out,
    tables,
)
from anlan.registry.accounts import totp_code
from anlan.settings import Settings
from anlan.store import NOTHING, SYSTEM, FixedClock, Scope, World, events_after, verify

ALL = Scope.everything("test")
CITY = "CN/420000/421200/"
SETTINGS = Settings(sign_in_attempts=3, sign_in_pause_minutes=15, session_hours=12)
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def quick_hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least effort, except where the effort itself is tested."""
    accounts._nobody.cache_clear()
    if "real_hashing" not in request.fixturenames:
        cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        monkeypatch.setattr(accounts, "_hasher", lambda: cheap)


@pytest.fixture
def real_hashing() -> None:
    """Asks ``quick_hashing`` to keep out."""


def _person(world: World, *grants: RoleGrant) -> str:
    with world.write(SYSTEM) as tx:
        return add_person(tx, {"zh": "王芳", "en": "Wang Fang"}, grants or [RoleGrant("analyst", CITY)])


def _account(world: World, login: str = "wang", *grants: RoleGrant) -> str:
    person_id = _person(world, *grants)
    set_password(world, person_id, login, PASSWORD, actor=SYSTEM)
    return person_id


def _refused(world: World, login: str, password: str, address: str = "10.0.0.1", code: str = "") -> str:
    with pytest.raises(ForbiddenError) as caught:
        sign_in(world, login, password, address, SETTINGS, code=code)
    return caught.value.key


def test_signing_in_opens_a_session_that_names_the_person(world: World) -> None:
    person_id = _account(world)
    opened = sign_in(world, " WANG ", PASSWORD, "10.0.0.1", SETTINGS)
    found = session(world, opened.token, SETTINGS)
    assert found is not None
    assert found.person.public_id == person_id
    assert found.person.roles == ("analyst",)
    assert found.actor.name == "王芳"
    assert found.csrf == opened.csrf
    assert session(world, "another token", SETTINGS) is None
    sign_out(world, opened.token)
    assert session(world, opened.token, SETTINGS) is None
    sign_out(world, opened.token)


def test_neither_password_nor_token_nor_name_is_kept_readable(world: World) -> None:
    _account(world)
    opened = sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)
    with world.read() as connection:
        credential = connection.execute(sa.select(tables.credential)).one()
        kept = connection.execute(sa.select(tables.session)).one()
        told = "".join(str(entry) for entry in events_after(connection, 0))
    assert credential.password_hash.startswith("$argon2id$")
    assert opened.token not in str(kept)
    for secret in (PASSWORD, credential.password_hash, "王芳", "Wang Fang"):
        assert secret not in told
    assert verify(world, deep=True) == []


def test_passwords_are_hashed_with_the_effort_that_owasp_asks_for(world: World, real_hashing: None) -> None:
    _account(world)
    with world.read() as connection:
        used = extract_parameters(
            connection.execute(sa.select(tables.credential.c.password_hash)).scalar_one()
        )
    # OWASP password storage cheat sheet: argon2id with at least 19 MiB and two passes, or equivalent.
    assert used.type.name == "ID"
    assert used.memory_cost >= 19 * 1024
    assert used.time_cost >= 2
    sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)
    assert _refused(world, "wang", "wrong password") == "sign_in.refused"


def test_a_session_ends_when_it_is_not_used(world: World, clock: FixedClock) -> None:
    _account(world)
    opened = sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)
    for _ in range(3):
        clock.advance(timedelta(hours=11))
        assert session(world, opened.token, SETTINGS) is not None
    clock.advance(timedelta(hours=12, seconds=1))
    assert session(world, opened.token, SETTINGS) is None


def test_wrong_logins_and_passwords_get_one_answer(world: World) -> None:
    _account(world)
    assert _refused(world, "wang", "wrong password") == "sign_in.refused"
    assert _refused(world, "nobody", PASSWORD) == "sign_in.refused"
    assert _refused(world, "", "") == "sign_in.refused"
    assert _refused(world, "wang" * 100, "x" * 100_000) == "sign_in.refused"


def test_too_many_failures_pause_the_pair_and_not_others(world: World, clock: FixedClock) -> None:
    _account(world)
    for _ in range(3):
        assert _refused(world, "wang", "wrong password") == "sign_in.refused"
    assert _refused(world, "wang", PASSWORD) == "sign_in.paused"
    sign_in(world, "wang", PASSWORD, "10.0.0.2", SETTINGS)
    clock.advance(timedelta(minutes=15, seconds=1))
    sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)


def test_a_success_forgets_the_failures_before_it(world: World) -> None:
    _account(world)
    for _ in range(3):
        for _ in range(2):
            assert _refused(world, "wang", "wrong password") == "sign_in.refused"
        sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)


def test_one_address_cannot_try_many_logins(world: World) -> None:
    keys = [_refused(world, f"person{number}", "wrong password") for number in range(16)]
    assert keys[:15] == ["sign_in.refused"] * 15
    assert keys[15] == "sign_in.paused"


def test_attempts_at_the_same_moment_cannot_slip_past_the_limit(world: World) -> None:
    _account(world)
    keys: list[str] = []

    def attempt() -> None:
        try:
            sign_in(world, "wang", "wrong password", "10.0.0.1", SETTINGS)
        except ForbiddenError as error:
            keys.append(error.key)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(keys) == ["sign_in.paused"] * 5 + ["sign_in.refused"] * 3


def test_a_new_password_ends_open_sessions(world: World) -> None:
    person_id = _account(world)
    opened = sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)
    set_password(world, person_id, "wang.fang", "another password", actor=SYSTEM)
    assert session(world, opened.token, SETTINGS) is None
    assert _refused(world, "wang", PASSWORD) == "sign_in.refused"
    sign_in(world, "wang.fang", "another password", "10.0.0.1", SETTINGS)


@pytest.mark.parametrize(
    ("login", "password", "error"),
    [
        ("w", PASSWORD, InputError),
        ("wang fang", PASSWORD, InputError),
        ("wang", "short", InputError),
        ("wang", "x" * 201, InputError),
        ("ＬＩ", PASSWORD, ConflictError),
    ],
)
def test_logins_and_passwords_that_are_not_accepted(
    world: World, login: str, password: str, error: type[Exception]
) -> None:
    _account(world, "li")
    other = _person(world)
    with pytest.raises(error):
        set_password(world, other, login, password, actor=SYSTEM)
    with world.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.credential)).scalar_one() == 1


def test_accounts_need_a_person_and_the_live_world(world: World, exercise: World) -> None:
    with pytest.raises(NotFoundError):
        set_password(world, "nobody", "wang", PASSWORD, actor=SYSTEM)
    with pytest.raises(NotFoundError):
        enable_totp(world, "nobody", actor=SYSTEM)
    with pytest.raises(ForbiddenError, match="live world"):
        set_password(exercise, "nobody", "wang", PASSWORD, actor=SYSTEM)
    with pytest.raises(ForbiddenError, match="live world"):
        sign_in(exercise, "wang", PASSWORD, "10.0.0.1", SETTINGS)


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B, SHA-1 (last six of the eight digits).
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_one_time_codes_of_the_standard(seconds: int, code: str) -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert totp_code(secret, datetime.fromtimestamp(seconds, UTC)) == code


def test_a_one_time_code_is_asked_for_and_counts_once(world: World, clock: FixedClock) -> None:
    secret = enable_totp(world, _account(world), actor=SYSTEM)
    for _ in range(5):
        assert _refused(world, "wang", PASSWORD) == "sign_in.code_needed"
    code = totp_code(secret, clock.now())
    assert (
        _refused(world, "wang", PASSWORD, code="000000" if code != "000000" else "111111")
        == "sign_in.refused"
    )
    assert _refused(world, "wang", PASSWORD, code="１２三") == "sign_in.refused"
    opened = sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS, code=f"{code[:3]} {code[3:]}")
    assert session(world, opened.token, SETTINGS) is not None
    assert _refused(world, "wang", PASSWORD, code=code) == "sign_in.refused"
    clock.advance(timedelta(seconds=60))
    sign_in(
        world,
        "wang",
        PASSWORD,
        "10.0.0.1",
        SETTINGS,
        code=totp_code(secret, clock.now() - timedelta(seconds=30)),
    )


def test_a_weak_hash_is_replaced_at_the_next_sign_in(world: World) -> None:
    person_id = _account(world)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with world.stage() as connection:
        connection.execute(tables.credential.update().values(password_hash=weak))
    sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)
    with world.read() as connection:
        kept = connection.execute(
            sa.select(tables.credential).where(tables.credential.c.person_id == person_id)
        ).one()
    assert kept.password_hash != weak
    sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)


def test_who_has_left_is_out_at_once(world: World) -> None:
    person_id = _account(world)
    opened = sign_in(world, "wang", PASSWORD, "10.0.0.1", SETTINGS)
    with world.read() as connection:
        seen = person(connection, ALL, world.as_of(), person_id)
    with world.write(SYSTEM) as tx:
        retire_person(tx, person_id, expected_seq=seen.known_seq)
    assert session(world, opened.token, SETTINGS) is None
    assert _refused(world, "wang", PASSWORD) == "sign_in.refused"
    with world.read() as connection:
        assert scope_of(connection, person_id, "test") == NOTHING
        assert people(connection, ALL, world.as_of()) == []
        assert len(people(connection, ALL, world.as_of(), retired=True)) == 1


def test_scope_of_grants(world: World) -> None:
    both = [RoleGrant("analyst", CITY, domain, 2) for domain in ("air_quality", "infectious_disease")]
    person_id = _person(world, *both, RoleGrant("duty_officer", CITY, "air_quality", 2))
    with world.read() as connection:
        found = scope_of(connection, person_id, "triage")
        assert found == Scope((CITY,), ("air_quality", "infectious_disease"), 2, "triage")
        assert [given.role for given in roles_of(connection, person_id)] == [
            "analyst",
            "analyst",
            "duty_officer",
        ]
        assert scope_of(connection, "nobody", "triage") == NOTHING
    with world.write(SYSTEM) as tx:
        grant(tx, person_id, [RoleGrant("admin")])
    with world.read() as connection:
        assert scope_of(connection, person_id, "x") == Scope(None, None, 1, "x")
    with world.write(SYSTEM) as tx:
        grant(tx, person_id, [])
    with world.read() as connection:
        assert scope_of(connection, person_id, "x") == NOTHING


@pytest.mark.parametrize(
    "grants",
    [
        # Each would add up to more than was given.
        [RoleGrant("analyst", "CN/1/", "air_quality"), RoleGrant("analyst", "CN/2/", "infectious_disease")],
        [RoleGrant("analyst", "CN/1/"), RoleGrant("viewer", "", sensitivity=0)],
        [RoleGrant("analyst", "CN/1/", None), RoleGrant("viewer", "CN/2/", "air_quality")],
        [RoleGrant("emperor")],
        [RoleGrant("analyst", "CN/1")],
        [RoleGrant("analyst", sensitivity=4)],
    ],
)
def test_grants_that_are_refused(world: World, grants: list[RoleGrant]) -> None:
    with pytest.raises(InputError):
        _person(world, *grants)
    assert world.head() == 0


def test_permissions_are_denied_by_default_and_release_is_the_chiefs(world: World) -> None:
    assert [role for role, allowed in PERMISSIONS.items() if "warning.release" in allowed] == ["chief"]
    assert [role for role, allowed in PERMISSIONS.items() if "account.manage" in allowed] == ["admin"]
    person_id = _person(world, RoleGrant("viewer"))
    with world.read() as connection:
        found = person(connection, ALL, world.as_of(), person_id)
    assert found.may("see")
    assert not found.may("triage")
    assert not found.may("no such thing")
    assert not replace(found, retired=True).may("see")


def test_people_are_internal(world: World) -> None:
    person_id = _person(world)
    public = Scope(None, None, 0, "test")
    with world.read() as connection:
        assert people(connection, public, world.as_of()) == []
        with pytest.raises(NotFoundError):
            person(connection, public, world.as_of(), person_id)
        assert [entry.public_id for entry in people(connection, ALL, world.as_of())] == [person_id]


def test_a_person_needs_a_name_and_changes_need_the_version_seen(world: World) -> None:
    with pytest.raises(InputError, match="a name in zh"), world.write(SYSTEM) as tx:
        add_person(tx, {"fr": "Marie"})
    person_id = _person(world)
    with pytest.raises(ConflictError), world.write(SYSTEM) as tx:
        retire_person(tx, person_id, expected_seq=99)
    with pytest.raises(ConflictError), world.write(SYSTEM) as tx:
        grant(tx, person_id, [RoleGrant("viewer")], expected_seq=99)
    with pytest.raises(NotFoundError), world.write(SYSTEM) as tx:
        grant(tx, "nobody", [RoleGrant("viewer")])
