"""What people will get, before it is released; and what they got, after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from anlan.errors import Problem
from anlan.settings import Settings
from anlan.store import AsOf, Scope, World
from anlan.warning import _drafting as drafting
from anlan.warning import queries
from anlan.warning.cap.check import check
from anlan.warning.cap.findings import Finding
from anlan.warning.cap.model import Alert
from anlan.warning.wording import gaps

__all__ = ["Preview", "preview"]


@dataclass(frozen=True)
class Preview:
    """The message of a step.

    ``released`` tells whether these are the frozen bytes, or those that would leave if it were released at the asked
    moment (identifier and ``sent`` will then be of the moment of release). ``problems`` are what keeps it from being
    submitted: gaps in the texts, and times. ``findings`` are what a strict check says of the message.
    """

    alert: Alert
    cap_bytes: bytes
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    released: bool

    @property
    def is_fit(self) -> bool:
        """Whether it could be submitted as it is."""
        return not self.problems and all(finding.severity != "error" for finding in self.findings)


def preview(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    public_id: str,
    *,
    world: World,
    settings: Settings,
    at: datetime,
) -> Preview:
    """Show the message of a step, released or not.

    Raises
    ------
    NotFoundError
        There is no such step, or the scope does not see it.
    """
    step = queries.warning(connection, scope, as_of, public_id)
    if step.message_identifier is not None:
        data = queries.message(connection, scope, as_of, step.message_identifier).cap_bytes
        findings = check(data, issuing=True)
        return Preview(queries.read_frozen(data), data, tuple(findings), (), released=True)
    alert, data, findings = drafting.compose(connection, world, as_of, step, settings, at)
    problems = [*gaps(step.texts), *drafting.check_times(step.expires, None, None, at)]
    return Preview(alert, data, tuple(findings), tuple(problems), released=False)
