"""Who may do what on the pages: permissions, and the roles that hold them. What is not written here is denied.

What a role allows is the registry's table (``anlan.registry.types.PERMISSIONS``); a route names one of its words.
Where and on what somebody may act is the part of the ``Scope``, which every query applies.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from anlan.registry.types import PERMISSIONS


class Permission(Enum):
    """What a route asks for. ``PUBLIC`` asks for nothing, ``SIGNED_IN`` for a person; the rest a role must allow."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    READ = "see"
    IMPORT = "deliver"
    TRIAGE = "triage"
    ASSESS = "assess"
    DRAFT = "warning.draft"
    UPDATE = "warning.update"
    RELEASE = "warning.release"
    RELEASE_ALONE = "warning.release_alone"
    RULE_PROPOSE = "rule.propose"
    RULE_APPROVE = "rule.approve"
    JOURNAL = "journal.see"
    ANSWER = "answer.give"
    CONTACTS = "contact.manage"
    HANDLE = "matter.handle"


def permissions_of(roles: Iterable[str] | None) -> frozenset[Permission]:
    """All that the roles allow; None is somebody who is not signed in. An unknown role allows nothing."""
    if roles is None:
        return frozenset({Permission.PUBLIC})
    words: set[str] = {Permission.PUBLIC.value, Permission.SIGNED_IN.value}
    for role in roles:
        words |= PERMISSIONS.get(role, frozenset())
    return frozenset(permission for permission in Permission if permission.value in words)
