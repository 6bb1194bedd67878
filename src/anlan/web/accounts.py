"""The person behind a request. Accounts and sessions stand in the live world only; other worlds name people by id."""

from __future__ import annotations

from anlan.registry import scope_of, session
from anlan.web.visit import Site, Who


def who_of(site: Site, token: str) -> Who | None:
    """The person of a session token with what they may see; None when there is none, or it has ended."""
    if not token:
        return None
    live = site.node.world("live")
    signed = session(live, token, site.settings)
    if signed is None:
        return None
    with live.read() as connection:
        scope = scope_of(connection, signed.person.public_id, "page")
    return Who(signed.person.public_id, signed.person.names, signed.person.roles, signed.csrf, scope)
