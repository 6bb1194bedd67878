"""Proof of a world: the journal, and what every room says about the rows that belong to its events."""

from __future__ import annotations

from anlan import analysis, assessment, resolution  # noqa: F401 - the proof knows the tables of all rooms
from anlan.intake import delivery_check
from anlan.series import batch_check
from anlan.store import Finding, World, verify
from anlan.warning import check_message

__all__ = ["DEEP_CHECKS", "verify_world"]

DEEP_CHECKS = (batch_check, delivery_check, check_message)


def verify_world(world: World, *, deep: bool = False) -> list[Finding]:
    """Chain, signed heads and, with ``deep``, every journaled row, observation and released byte. Empty means clean."""
    return verify(world, deep=deep, deep_checks=DEEP_CHECKS if deep else ())
