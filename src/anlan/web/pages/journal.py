"""The journal: what happened, newest first, and the check that the chain still holds."""

from __future__ import annotations

import time
from collections.abc import Mapping

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.responses import Response

from anlan.flows.verify import verify_world
from anlan.store import Event
from anlan.store.schema import event as event_table
from anlan.store.schema import journal_head
from anlan.texts import catalogue
from anlan.web.access import Permission
from anlan.web.exports import CSV_TYPE, csv_bytes
from anlan.web.pages.signals import people_names
from anlan.web.routing import route
from anlan.web.views.journal import JournalRow, JournalView, VerifyResult
from anlan.web.views.signals import Filter
from anlan.web.visit import Visit

router = APIRouter()
A_PAGE = 60
MOST_EXPORTED = 100_000


@route(router, "GET", "/w/{world}/journal", Permission.JOURNAL)
def journal(visit: Visit) -> Response:
    if visit.query("format") == "csv":
        return _csv(visit)
    return _page(visit, None)


@route(router, "POST", "/w/{world}/journal/verify", Permission.JOURNAL)
def verify(visit: Visit) -> Response:
    """Check the chain now. Nothing is changed, so the answer is the page itself."""
    deep = visit.query("deep") == "1"
    visit.page_path = f"{visit.home}/journal"
    began = time.perf_counter()
    findings = verify_world(visit.here, deep=deep)
    with visit.here.read() as connection:
        head = connection.execute(sa.select(journal_head)).one()
    result = VerifyResult(
        at=visit.now,
        checked=head.seq,
        head=head.hash,
        deep=deep,
        findings=tuple(f"{finding.seq}: {finding.message}" for finding in findings),
        seconds=time.perf_counter() - began,
    )
    return _page(visit, result)


def _page(visit: Visit, result: VerifyResult | None) -> Response:
    kind = visit.query("kind")
    before = visit.query("before")
    with visit.here.read() as connection:
        head = connection.execute(sa.select(journal_head)).one()
        query = _events(kind).order_by(event_table.c.seq.desc()).limit(A_PAGE + 1)
        if before.isdigit():
            query = query.where(event_table.c.seq < int(before))
        found = [Event(**row._mapping) for row in connection.execute(query)]
        counted = connection.execute(
            sa.select(event_table.c.subject_kind, sa.func.count()).group_by(event_table.c.subject_kind)
        ).all()
        people = people_names(visit, connection)
    shown = found[:A_PAGE]
    view = JournalView(
        rows=tuple(_row(visit, entry, people) for entry in shown),
        kinds=_kinds(visit, {str(name): int(count) for name, count in counted}, kind),
        head_sequence=head.seq,
        head_digest=head.hash,
        csv_href=visit.address(format="csv", before=None),
        verify_href=f"{visit.home}/journal/verify",
        may_verify=True,
        result=result,
        older_href=visit.address(before=str(shown[-1].seq)) if len(found) > A_PAGE else "",
        newer_href=visit.address(before=None) if before else "",
    )
    return visit.page("journal.html", view, current="journal")


def _events(kind: str) -> sa.Select[tuple[object, ...]]:
    query: sa.Select[tuple[object, ...]] = sa.select(event_table)
    return query.where(event_table.c.subject_kind == kind) if kind else query


def _kinds(visit: Visit, counted: dict[str, int], chosen: str) -> tuple[Filter, ...]:
    first = Filter(visit.t("web.journal.all"), f"{visit.home}/journal", not chosen, sum(counted.values()))
    rest = [
        Filter(
            _word(visit, f"web.subject.{name}", name),
            f"{visit.home}/journal?kind={name}",
            name == chosen,
            count,
        )
        for name, count in sorted(counted.items(), key=lambda item: -item[1])
        if name
    ]
    return (first, *rest)


def _row(visit: Visit, entry: Event, people: Mapping[str, str]) -> JournalRow:
    address = {"signal": "signals", "warning": "warnings"}.get(entry.subject_kind)
    number = entry.data.get("number")
    subject = f"{_word(visit, f'web.subject.{entry.subject_kind}', entry.subject_kind)} {number or entry.subject_id}"
    return JournalRow(
        sequence=entry.seq,
        at=entry.at,
        what=_word(visit, f"web.event.{entry.kind}", entry.kind),
        subject=subject.strip(),
        by=_who(entry, people),
        digest=entry.hash,
        href=f"{visit.home}/{address}/{entry.subject_id}" if address else "",
    )


def _who(entry: Event, people: Mapping[str, str]) -> str:
    """Who did it, in the reader's language; by the name that the entry holds where nobody is known by its id."""
    held = entry.actor
    return people.get(held.get("id", "")) or held.get("name") or held.get("id", "")


def _word(visit: Visit, key: str, otherwise: str) -> str:
    """The text of a kind; a kind that has none yet is shown by its code rather than hidden."""
    return visit.t(key) if key in catalogue() else otherwise


def _csv(visit: Visit) -> Response:
    with visit.here.read() as connection:
        query = _events(visit.query("kind")).order_by(event_table.c.seq.desc()).limit(MOST_EXPORTED)
        entries = [Event(**row._mapping) for row in connection.execute(query)]
    head = ("seq", "at", "kind", "subject_kind", "subject_id", "actor", "previous_hash", "hash")
    rows = [
        (e.seq, e.at, e.kind, e.subject_kind, e.subject_id, e.actor.get("name", ""), e.previous_hash, e.hash)
        for e in entries
    ]
    return visit.file(csv_bytes(head, rows), kind=CSV_TYPE, name=f"journal-{visit.here.name}.csv")
