"""Changing rules: a pack brings them, a person proposes, another person approves, anybody of both retires.

Every change is a version. The version that runs is the newest one that is active or retired; a proposal stands beside
it and changes nothing until it is approved. An upgrade of a pack never changes a rule that was edited here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from anlan.analysis import queries, tables
from anlan.analysis.backtesting import backtest
from anlan.analysis.budgets import apply_budgets, set_alarm_budget
from anlan.analysis.facts import EVERYTHING
from anlan.analysis.rulebook import check_rule, from_pack, row_of, same_content
from anlan.analysis.running import preview_rule, run_due, run_rule
from anlan.analysis.silence import check_silence
from anlan.analysis.trials import ask_backtest, do_backtest
from anlan.analysis.types import Rule
from anlan.errors import ConflictError, ForbiddenError
from anlan.registry.pack_types import PackRule
from anlan.registry.types import Difference, PackReport
from anlan.store import AsOf, Tx
from anlan.store.schema import event

__all__ = [
    "activate_rule",
    "apply_budgets",
    "ask_backtest",
    "backtest",
    "check_silence",
    "copy_rule",
    "do_backtest",
    "install_rules",
    "preview_rule",
    "propose_rule",
    "retire_rule",
    "run_due",
    "run_rule",
    "set_alarm_budget",
]

_COMPARED = (
    "names",
    "method",
    "parameters",
    "selector",
    "levels",
    "extend_days",
    "valid_from",
    "valid_to",
    "hazard",
)


def install_rules(
    tx: Tx,
    rules: Sequence[PackRule],
    *,
    pack_id: str,
    pack_version: str,
    domain: str = "",
    sensitivities: Mapping[str, int] | None = None,
) -> PackReport:
    """Bring the rules of a pack to its version; new and changed ones are active at once.

    Parameters
    ----------
    tx : Tx
        A journaled transaction; each rule that changes gets an event ``rule.installed`` or ``rule.retired``. Where
        nothing changes there is no event, so the caller says what else happened (``pack.installed``).
    rules : sequence of PackRule
        ``Pack.rules``; rules of this pack that are not among them are retired.
    pack_id, pack_version, domain : str
        The domain is the pack's id unless given.
    sensitivities : mapping of str to int, optional
        Sensitivity by indicator; a rule has the highest of its indicators, 1 (internal) where unknown.

    Returns
    -------
    PackReport
        Codes that are new, changed, retired, and kept because they were edited here, with what the pack would set.

    Raises
    ------
    ConfigurationError
        A rule cannot be used; nothing is written.
    """
    levels = sensitivities or {}
    wanted = [
        from_pack(
            rule,
            pack_id=pack_id,
            pack_version=pack_version,
            domain=domain or pack_id,
            sensitivity=max((levels.get(code, 1) for code in rule.indicators), default=1),
        )
        for rule in rules
    ]
    here = {one.code: one for one in queries.rules(tx.connection, EVERYTHING, AsOf(tx.seq))}
    codes: dict[str, list[str]] = {"new": [], "changed": [], "retired": [], "kept": []}
    differences: list[Difference] = []
    for rule in wanted:
        found = here.get(rule.code)
        if found is not None and found.pack_id != pack_id and not _is_own(found):
            raise ConflictError(
                f"the rule {rule.code!r} belongs to the pack {found.pack_id!r}",
                key="analysis.rule.other_pack",
                values={"code": rule.code, "pack": found.pack_id},
            )
        if found is not None and found.local_edit:
            codes["kept"].append(rule.code)
            differences += _differences(found, rule)
        elif found is None or not same_content(found, rule) or found.state == "retired":
            codes["new" if found is None else "changed"].append(rule.code)
            version = found.version + 1 if found is not None else 1
            _write(tx, replace(rule, version=version), "rule.installed")
    for found in here.values():
        gone = found.pack_id == pack_id and found.code not in {rule.code for rule in wanted}
        if gone and not found.local_edit and found.state != "retired":
            codes["retired"].append(found.code)
            _write(tx, replace(found, state="retired", pack_version=pack_version), "rule.retired")
    return PackReport(
        pack_id,
        pack_version,
        **{name: tuple(listed) for name, listed in codes.items()},
        differences=tuple(differences),
    )


def propose_rule(tx: Tx, rule: Rule, *, expected_seq: int) -> Rule:
    """Write the next version of a rule, or a new rule, as a proposal. What runs does not change.

    Parameters
    ----------
    rule : Rule
        Its code says which; version, state and ``local_edit`` are set here.
    expected_seq : int
        ``known_seq`` of the version that was seen; 0 for a new rule.

    Raises
    ------
    ConfigurationError
        The rule cannot be used; every problem is listed.
    ConflictError
        Somebody changed the rule since.
    """
    found = _newest(tx, rule.code)
    _check_seq(tx, rule.code, found, expected_seq)
    version = 1 if found is None else found.version + (found.state != "proposed")
    if found is not None:
        rule = replace(rule, pack_id=found.pack_id, pack_version=found.pack_version)
    made = replace(rule, version=version, state="proposed", local_edit=True, known_seq=tx.seq)
    check_rule(made)
    _write(tx, made, "rule.proposed")
    return made


def copy_rule(rule: Rule, *, code: str, names: Mapping[str, str]) -> Rule:
    """A new rule that looks for the same thing; it belongs to this node and to no pack. Nothing is written.

    Raises
    ------
    ConfigurationError
        The code or a name is not acceptable.
    """
    made = replace(
        rule, code=code, names=dict(names), pack_id="", pack_version="", local_edit=True, note="", version=0,
        known_seq=0, state="proposed",
    )  # fmt: skip
    return check_rule(made)


def activate_rule(tx: Tx, code: str, *, expected_seq: int, note: str = "") -> Rule:
    """Approve a proposal; it runs from now on. By another person than the one who proposed it.

    Raises
    ------
    NotFoundError, ConflictError
        No such rule; it changed since, or its newest version is no proposal.
    ForbiddenError
        The same person proposed it.
    """
    found = queries.rule(tx.connection, EVERYTHING, AsOf(tx.seq), code)
    _check_seq(tx, code, found, expected_seq)
    if found.state != "proposed":
        raise ConflictError(
            f"the rule {code!r} is {found.state}, there is no proposal to approve",
            key="analysis.rule.state",
            values={"code": code, "state": found.state},
        )
    if _author(tx, code, found.known_seq) == tx.actor.id:
        raise ForbiddenError(
            "a rule is approved by another person than the one who proposed it",
            key="analysis.rule.second_person",
        )
    made = replace(found, state="active", note=note or found.note, known_seq=tx.seq)
    _write(tx, made, "rule.activated")
    return made


def retire_rule(tx: Tx, code: str, *, expected_seq: int, note: str = "") -> Rule:
    """Stop a rule, or drop a proposal. Its signals stay.

    A dropped proposal retires the rule as a whole only when no version of it was active.

    Raises
    ------
    NotFoundError, ConflictError
        No such rule; it changed since, or is retired already.
    """
    found = queries.rule(tx.connection, EVERYTHING, AsOf(tx.seq), code)
    _check_seq(tx, code, found, expected_seq)
    if found.state == "retired":
        raise ConflictError(
            f"the rule {code!r} is retired already",
            key="analysis.rule.state",
            values={"code": code, "state": "retired"},
        )
    running = queries.rules(tx.connection, EVERYTHING, AsOf(tx.seq), state="active")
    before = next((one for one in running if one.code == code), None)
    if found.state == "proposed" and before is not None:
        # The active version stands on top again, under its own number.
        made = replace(before, note=note, known_seq=tx.seq)
        _write(tx, made, "rule.proposal_dropped")
    else:
        made = replace(found, state="retired", local_edit=True, note=note or found.note, known_seq=tx.seq)
        _write(tx, made, "rule.retired")
    return made


def _is_own(rule: Rule) -> bool:
    """Whether it was written here from the first, so that no pack can claim it."""
    return rule.local_edit and not rule.pack_id


def _newest(tx: Tx, code: str) -> Rule | None:
    versions = queries.rule_versions(tx.connection, EVERYTHING, AsOf(tx.seq), code)
    return versions[-1] if versions else None


def _write(tx: Tx, rule: Rule, kind: str) -> None:
    tx.insert(tables.rule, row_of(rule, tx.actor.id))
    data = {
        "version": rule.version,
        "state": rule.state,
        "method": rule.method,
        "domain": rule.domain,
        "pack": rule.pack_id,
        "pack_version": rule.pack_version,
        "local_edit": rule.local_edit,
    }
    tx.event(kind, subject=("rule", rule.code), data=data)


def _author(tx: Tx, code: str, known_seq: int) -> str:
    table = tables.rule
    query = sa.select(table.c.by).where(table.c.code == code, table.c.known_seq == known_seq)
    return str(tx.connection.execute(query).scalar_one())


def _check_seq(tx: Tx, code: str, found: Rule | None, expected: int) -> None:
    latest = 0 if found is None else found.known_seq
    if latest == expected:
        return
    query = (
        sa.select(event.c.kind, event.c.actor, event.c.at)
        .where(event.c.subject_kind == "rule", event.c.subject_id == code, event.c.seq > expected)
        .where(event.c.kind != "rule.ran")
        .order_by(event.c.seq)
    )
    since = [
        {
            "what": row.kind,
            "who": row.actor.get("name") or row.actor.get("id", ""),
            "when": row.at.isoformat(),
        }
        for row in tx.connection.execute(query)
    ]
    said = (
        "; ".join(f"{entry['who']}: {entry['what']} at {entry['when']}" for entry in since)
        or "it has changed"
    )
    raise ConflictError(
        f"the rule was changed since you looked ({said}); look again, then decide",
        key="analysis.changed_since",
        values={"expected_seq": expected, "latest_seq": latest, "since": since},
    )


def _differences(here: Rule, pack: Rule) -> list[Difference]:
    one, other = row_of(here, ""), row_of(pack, "")
    return [
        Difference("rule", here.code, name, one[name], other[name])
        for name in _COMPARED
        if one[name] != other[name]
    ]
