"""Which units must act, and how they are reached. Addresses go to the personal values, never into rows or events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from anlan.errors import ConflictError, InputError
from anlan.registry import queries as registry
from anlan.store import AsOf, Scope, Tx, Vault, new_public_id
from anlan.warning.levels import Level, parse_level
from anlan.warning.sending.channels import check_address
from anlan.warning.sending.rows import one_now, store
from anlan.warning.sending.rule import Way
from anlan.warning.sending.types import Contact, Post, UnitDuty

__all__ = ["add_contact", "add_duty", "retire_contact", "retire_duty"]

_EVERYTHING = Scope.everything("contacts")
POSTS: tuple[Post, ...] = ("duty", "deputy", "head")
CONTACT_WAYS = (Way.EMAIL, Way.SMS, Way.WEBHOOK, Way.MQTT, Way.PHONE)
_LANGUAGES = ("zh", "en")


def add_duty(
    tx: Tx,
    *,
    organisation_id: str,
    hazards: Sequence[str] = (),
    min_level: str = Level.BLUE,
    area_code: str,
    superior_id: str = "",
) -> UnitDuty:
    """Say that a unit must act on warnings of these hazards (none: all), from this level, that touch this area.

    Raises
    ------
    NotFoundError
        No such area.
    InputError
        No such organisation or superior, or the unit is its own superior.
    """
    area = registry.area(tx.connection, _EVERYTHING, AsOf(tx.seq), area_code)
    known = {one.public_id for one in registry.organisations(tx.connection, _EVERYTHING, AsOf(tx.seq))}
    if organisation_id not in known or superior_id == organisation_id or superior_id not in known | {""}:
        raise InputError(
            "a duty is of an organisation that is registered here, and so is its superior, which is another one",
            key="sending.duty_organisation",
        )
    made = UnitDuty(
        public_id=new_public_id(),
        known_seq=tx.seq,
        organisation_id=organisation_id,
        hazards=tuple(dict.fromkeys(hazards)),
        min_level=parse_level(min_level),
        area_code=area.code,
        area_path=area.path,
        superior_id=superior_id,
        retired=False,
        changed_at=tx.now,
        changed_by=tx.actor.id,
    )
    store(tx, made)
    tx.event(
        "duty.added",
        subject=("unit_duty", made.public_id),
        data={"organisation": organisation_id, "hazards": list(made.hazards), "area": area.code},
    )
    return made


def retire_duty(tx: Tx, public_id: str) -> UnitDuty:
    """The unit need not act any more. Answers that it owes already are still owed.

    Raises
    ------
    NotFoundError, ConflictError
        There is none; it has been retired.
    """
    before = one_now(tx.connection, UnitDuty, tx.seq, public_id)
    _refuse_retired(before)
    after = replace(before, retired=True, known_seq=tx.seq, changed_at=tx.now, changed_by=tx.actor.id)
    store(tx, after)
    tx.event("duty.retired", subject=("unit_duty", public_id), data={"organisation": after.organisation_id})
    return after


def add_contact(
    tx: Tx,
    vault: Vault,
    *,
    organisation_id: str,
    way: str,
    address: str,
    name: str = "",
    post: Post = "duty",
    person_id: str = "",
    position: int = 1,
    language: str = "zh",
    secret: str = "",
) -> Contact:
    """Add a way to reach a unit's desk, or a person of its rota.

    Raises
    ------
    ParameterError, InputError
        The address is none of that way; another field has no such value.
    """
    if way not in CONTACT_WAYS or post not in POSTS or language not in _LANGUAGES or not 1 <= position <= 99:
        raise InputError(
            f"a contact has a way ({', '.join(CONTACT_WAYS)}), a post ({', '.join(POSTS)}), a language "
            f"({', '.join(_LANGUAGES)}) and a position of 1 to 99. Got {way!r}, {post!r}, {language!r}, {position}.",
            key="sending.contact_form",
        )
    plain = check_address(Way(way), address)
    made = Contact(
        public_id=new_public_id(),
        known_seq=tx.seq,
        organisation_id=organisation_id,
        person_id=person_id,
        post=post,
        way=Way(way),
        position=position,
        language=language,
        retired=False,
        changed_at=tx.now,
        changed_by=tx.actor.id,
    )
    store(tx, made)
    vault.put(tx, made.public_id, {"address": plain, "name": name.strip(), "secret": secret})
    tx.event(
        "contact.added",
        subject=("contact", made.public_id),
        data={"organisation": organisation_id, "post": post, "way": way},
    )
    return made


def retire_contact(tx: Tx, public_id: str) -> Contact:
    """Use it no more. Its address stays sealed until it is erased.

    Raises
    ------
    NotFoundError, ConflictError
        There is none; it has been retired.
    """
    before = one_now(tx.connection, Contact, tx.seq, public_id)
    _refuse_retired(before)
    after = replace(before, retired=True, known_seq=tx.seq, changed_at=tx.now, changed_by=tx.actor.id)
    store(tx, after)
    tx.event("contact.retired", subject=("contact", public_id), data={"organisation": after.organisation_id})
    return after


def _refuse_retired(one: UnitDuty | Contact) -> None:
    if one.retired:
        raise ConflictError("it has been retired already", key="sending.retired_already")
