"""Data: sources with their rhythm, deliveries with their receipts, and handing in a file step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from anlan import analysis, intake, registry, series
from anlan.errors import InputError, NotFoundError
from anlan.intake import Inspection, ReadOptions, Receipt, RejectedRow
from anlan.intake import Mapping as ColumnMapping
from anlan.intake.resolve import Registered
from anlan.texts import Sentence, catalogue
from anlan.web.access import Permission
from anlan.web.exports import CSV_TYPE
from anlan.web.forms import field_errors
from anlan.web.pages.board import rhythm_of
from anlan.web.pages.signals import people_names
from anlan.web.preview import column_of, preview_rows
from anlan.web.problems import message_of
from anlan.web.routing import route
from anlan.web.uploads import Deliveries, Progress, Upload, Uploads
from anlan.web.views.frame import FieldError, Option
from anlan.web.views.imports import (
    BatchRow,
    DataView,
    FixedField,
    MappedColumn,
    MappingView,
    OpenRow,
    PreviewCell,
    ReceiptView,
    SourceRow,
)
from anlan.web.views.imports import (
    RejectedRow as RejectedView,
)
from anlan.web.visit import Visit

router = APIRouter()
MOST_DELIVERIES = 60
MOST_REJECTS = 100
AT_ONCE_SECONDS = 2.0
SAMPLES = 3
MOST_TRIED = 20_000
UNSURE = "intake.mapping.unsure"


@route(router, "GET", "/w/{world}/data", Permission.READ)
def data(visit: Visit) -> Response:
    return _data(visit)


def _data(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        sources = registry.sources(*args)
        silent = {one.source_code for one in analysis.silent(*args)}
        last = {one.code: series.last_known(*args, one.code) for one in sources}
        deliveries = intake.deliveries(*args, limit=MOST_DELIVERIES)
        names = {one.code: visit.name(one.names) for one in sources}
    may_import = visit.may(Permission.IMPORT)
    chosen = visit.query("source")
    view = DataView(
        sources=tuple(
            SourceRow(
                name=visit.name(one.names),
                organisation=visit.name(one.attribution),
                rhythm=rhythm_of(visit, one),
                last=found.delivered_at if (found := last[one.code]) is not None else None,
                late=one.code in silent,
            )
            for one in sources
        ),
        batches=tuple(_batch_row(visit, one.receipt, names) for one in deliveries),
        may_import=may_import,
        upload_sources=tuple(Option(one.code, visit.name(one.names), one.code == chosen) for one in sources),
        limit_mb=visit.settings.upload_limit_mb,
        action=f"{visit.home}/data/upload",
        unfinished=_unfinished(visit, names) if may_import else (),
        errors=errors,
    )
    return visit.page("data.html", view, current="data", status=status)


def _unfinished(visit: Visit, names: dict[str, str]) -> tuple[OpenRow, ...]:
    """Deliveries of sources this person may see that were begun and are not in."""
    return tuple(
        OpenRow(
            file=one.filename,
            source=names[one.source_code],
            received_at=one.received_at,
            resume_href=f"{visit.home}/data/open/{one.public_id}/resume",
            drop_href=f"{visit.home}/data/open/{one.public_id}/drop",
        )
        for one in intake.unfinished(visit.here)
        if one.source_code in names
    )


def _open_delivery(visit: Visit) -> str:
    """The id of an unfinished delivery whose source this person may see."""
    wanted = visit.parameter("delivery")
    for one in intake.unfinished(visit.here):
        if one.public_id == wanted:
            _source(visit, one.source_code)
            return wanted
    raise NotFoundError("this delivery is not open", key="web.error.upload_gone")


@route(router, "POST", "/w/{world}/data/open/{delivery}/resume", Permission.IMPORT)
def resume(visit: Visit) -> Response:
    """Go on with a delivery from the bytes that were kept."""
    done = intake.resume(visit.here, visit.actor, visit.scope, _open_delivery(visit))
    return visit.redirect(f"{visit.home}/data/{done.public_id}")


@route(router, "POST", "/w/{world}/data/open/{delivery}/drop", Permission.IMPORT)
def drop(visit: Visit) -> Response:
    intake.drop(visit.here, _open_delivery(visit))
    return visit.redirect(f"{visit.home}/data")


def _batch_row(visit: Visit, receipt: Receipt, names: dict[str, str]) -> BatchRow:
    counts = receipt.counts
    state = "changed" if counts.changes_anything else "same"
    return BatchRow(
        href=f"{visit.home}/data/{receipt.public_id}",
        number=receipt.number,
        file=receipt.filename,
        source=names.get(receipt.source_code, receipt.source_code),
        received_at=receipt.received_at,
        accepted=counts.rows_accepted,
        rejected=counts.rows_rejected,
        state=visit.t(f"web.data.did.{state}"),
    )


@route(router, "POST", "/w/{world}/data/upload", Permission.IMPORT)
def upload(visit: Visit) -> Response:
    """Keep the file and show how it would be read."""
    visit.page_path = f"{visit.home}/data"
    sent = visit.upload("file")
    if sent is None:
        return _data(visit, (FieldError("file", visit.t("web.data.no_file")),), status=422)
    source = _source(visit, visit.field("source"))
    content = sent.file.read()
    kept = _uploads(visit).put(
        content, person_id=visit.actor.id, source_code=source.code, filename=sent.filename or "file"
    )
    try:
        _inspect(visit, kept)
    except InputError as error:
        _uploads(visit).remove(kept.token)
        return _data(visit, field_errors(error, visit.language), status=422)
    return visit.redirect(f"{visit.home}/data/upload/{kept.token}")


@route(router, "GET", "/w/{world}/data/upload/{token}", Permission.IMPORT)
def mapping(visit: Visit) -> Response:
    return _mapping_page(visit, _kept(visit))


@route(router, "POST", "/w/{world}/data/upload/{token}", Permission.IMPORT)
def decide(visit: Visit) -> Response:
    """Show again with the changes, take in, or throw away."""
    kept = _kept(visit)
    act = visit.field("do")
    if act == "drop":
        _uploads(visit).remove(kept.token)
        return visit.redirect(f"{visit.home}/data")
    sheet = visit.field("sheet")
    if sheet and sheet != kept.sheet and sheet != _inspect(visit, kept).table.sheet:
        # Another sheet has other columns: the roles that were on the page do not belong to it.
        kept = replace(kept, sheet=sheet, mapping="")
    else:
        kept = replace(kept, mapping=_typed_mapping(visit, kept).to_json())
    kept = replace(kept, mode="replace" if visit.field("mode") == "replace" else "add")
    _uploads(visit).note(kept)
    try:
        found = _inspect(visit, kept)
    except InputError as error:
        return _mapping_page(visit, replace(kept, mapping=""), field_errors(error, visit.language))
    if act != "take" or found.problems:
        errors = tuple(FieldError("", message_of(problem, visit.language)) for problem in found.problems)
        if act == "take":
            return _mapping_page(visit, kept, errors)
        return visit.redirect(f"{visit.home}/data/upload/{kept.token}")
    return _take(visit, kept)


def _take(visit: Visit, kept: Upload) -> Response:
    """Deliver in a thread: a small file is done at once, a long one shows its progress and may be left."""
    work = partial(
        intake.deliver,
        visit.here,
        visit.actor,
        visit.scope,
        source_code=kept.source_code,
        filename=kept.filename,
        content=_uploads(visit).content(kept),
        mapping=ColumnMapping.from_json(kept.mapping) if kept.mapping else None,
        mode=kept.mode,
        options=_options(kept),
        remember=True,
    )

    def run(report: Callable[[str, int, int], None]) -> Receipt:
        return work(progress=report)

    running = _deliveries(visit)
    running.start(kept.token, run)
    running.wait(kept.token, AT_ONCE_SECONDS)
    return visit.redirect(f"{visit.home}/data/running/{kept.token}")


@route(router, "GET", "/w/{world}/data/running/{token}", Permission.IMPORT)
def running(visit: Visit) -> Response:
    """A delivery on its way; its receipt as soon as there is one."""
    kept = _kept(visit)
    state = _deliveries(visit).state(kept.token)
    if state.receipt is not None:
        _uploads(visit).remove(kept.token)
        _deliveries(visit).forget(kept.token)
        return visit.redirect(f"{visit.home}/data/{state.receipt.public_id}")
    if state.error is not None:
        _deliveries(visit).forget(kept.token)
        visit.page_path = f"{visit.home}/data/upload/{kept.token}"
        return _mapping_page(visit, kept, field_errors(state.error, visit.language))
    return visit.page("receipt.html", _running_view(visit, kept, state), current="data")


@route(router, "GET", "/w/{world}/data/{delivery}", Permission.READ)
def receipt(visit: Visit) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        found = intake.delivery(*args, visit.parameter("delivery"))
        rejects = intake.rejected_rows(*args, found.receipt.public_id, limit=MOST_REJECTS)
        people = people_names(visit, connection)
        names = {one.code: visit.name(one.names) for one in registry.sources(*args, retired=True)}
    one = found.receipt
    view = ReceiptView(
        number=one.number,
        file=one.filename,
        source=names.get(one.source_code, one.source_code),
        state="done",
        percent=None,
        rows_total=one.counts.rows_read,
        accepted=one.counts.rows_accepted,
        rejected=one.counts.rows_rejected,
        revised=one.counts.corrected,
        unchanged=one.counts.unchanged,
        withdrawn=one.counts.withdrawn,
        series=one.counts.series,
        head=tuple(f"{letter(place)} {text}".strip() for place, text in enumerate(one.header)),
        rejects=tuple(_reject(visit, row) for row in rejects),
        rejects_shown=len(rejects),
        readings=_readings(visit, one.notes),
        received_at=one.received_at,
        received_by=people.get(one.delivered_by, one.delivered_by),
        size=one.size_bytes,
        sha256=one.sha256,
        journal=visit.t("web.receipt.journal", seq=one.known_seq),
        rejects_href=f"{visit.home}/data/{one.public_id}/rejected.csv",
        again_href=f"{visit.home}/data?source={one.source_code}#hand-in",
        original_href=f"{visit.home}/data/{one.public_id}/original" if visit.may(Permission.IMPORT) else "",
        same_as=one.same_as,
        new=one.counts.new,
    )
    return visit.page("receipt.html", view, current="data")


@route(router, "GET", "/w/{world}/data/{delivery}/rejected.csv", Permission.READ)
def rejected(visit: Visit) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        found = intake.delivery(*args, visit.parameter("delivery"))
        body = intake.rejected_file(*args, found.receipt.public_id, language=visit.language)
    return visit.file(body, kind=CSV_TYPE, name=f"{found.receipt.number}-rejected.csv")


@route(router, "GET", "/w/{world}/data/{delivery}/original", Permission.IMPORT)
def original(visit: Visit) -> Response:
    """The file exactly as it came."""
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        found = intake.delivery(*args, visit.parameter("delivery"))
        body = intake.content(*args, found.receipt.public_id)
    return visit.file(body, kind="application/octet-stream", name=found.receipt.filename)


def letter(place: int) -> str:
    """The name of a column as spreadsheets write it: 0 is A, 26 is AA."""
    text = ""
    while place >= 0:
        text = chr(65 + place % 26) + text
        place = place // 26 - 1
    return text


def _uploads(visit: Visit) -> Uploads:
    return Uploads(visit.site.node.folder / "uploads" / visit.here.name)


def _deliveries(visit: Visit) -> Deliveries:
    found: Deliveries = visit.site.kept.setdefault("deliveries", Deliveries())
    return found


def _kept(visit: Visit) -> Upload:
    return _uploads(visit).find(visit.parameter("token"), visit.actor.id)


def _source(visit: Visit, code: str) -> registry.Source:
    with visit.here.read() as connection:
        return registry.source(connection, visit.scope, visit.as_of, code)


def _options(kept: Upload) -> ReadOptions:
    header = int(kept.header_row) if kept.header_row.isdigit() else None
    return ReadOptions(sheet=kept.sheet or None, header_row=header)


def _inspect(visit: Visit, kept: Upload, rows: int = 12) -> Inspection:
    return intake.inspect_file(
        visit.here,
        visit.scope,
        source_code=kept.source_code,
        filename=kept.filename,
        content=_uploads(visit).content(kept),
        mapping=ColumnMapping.from_json(kept.mapping) if kept.mapping else None,
        options=_options(kept),
        rows=rows,
    )


def _typed_mapping(visit: Visit, kept: Upload) -> ColumnMapping:
    """The mapping as it stands on the page: roles by column, constants for the whole file."""
    found = _inspect(visit, kept).mapping
    columns = []
    for column in found.columns:
        role, _, key = visit.field(f"column_{column.index}").partition(":")
        if role in intake.ROLES:
            # What is on the page when it is sent has been seen: a guess that was left is a decision.
            said: Any = role
            changed = (role, key) != (column.role, column.key)
            reason = Sentence("intake.reason.said") if changed else column.reason
            column = replace(column, role=said, key=key, confidence=1.0, reason=reason)
        columns.append(column)
    fixed = dict(found.fixed)
    for name in ("indicator", "area", "period"):
        typed = visit.field(f"fixed_{name}")
        if typed:
            fixed[name] = typed
        elif f"fixed_{name}" in visit.form:
            fixed.pop(name, None)
    declared = replace(
        found.declared,
        interval_counts=bool(visit.field("interval_counts")),
        repeats="sum" if visit.field("repeats") == "sum" else "refuse",
    )
    return replace(found, columns=tuple(columns), fixed=fixed, declared=declared)


def _mapping_page(visit: Visit, kept: Upload, errors: tuple[FieldError, ...] = ()) -> Response:
    try:
        found = _inspect(visit, kept)
    except InputError as error:
        found, errors = _inspect(visit, replace(kept, mapping="")), field_errors(error, visit.language)
    source = _source(visit, kept.source_code)
    with visit.here.read() as connection:
        indicators = registry.indicators(connection, visit.scope, visit.as_of, domain=source.domain)
        registered = Registered.read(connection, visit.scope, visit.as_of, source.code)
    tried = _tried(visit, kept, found)
    status = 422 if errors else 200
    if not errors:
        open_questions = (problem for problem in found.problems if problem.key != UNSURE)
        errors = tuple(FieldError("", message_of(problem, visit.language)) for problem in open_questions)
    offered = [one for one in indicators if not source.delivers or one.code in source.delivers]
    view = MappingView(
        file=kept.filename,
        source=visit.name(source.names),
        rows_total=found.table.n_rows,
        action=f"{visit.home}/data/upload/{kept.token}",
        columns=_columns(visit, found, offered),
        readings=_readings(visit, tuple(found.table.notes)),
        preview=preview_rows(visit, found, registered, tried),
        would_accept=tried.counts.rows_accepted if tried is not None else None,
        would_reject=tried.counts.rows_rejected if tried is not None else None,
        fixed=_fixed(visit, found, offered),
        modes=(
            Option("add", visit.t("web.mapping.add"), kept.mode == "add"),
            Option("replace", visit.t("web.mapping.replace"), kept.mode == "replace"),
        ),
        errors=errors,
    )
    return visit.page("mapping.html", view, current="data", status=status)


def _tried(visit: Visit, kept: Upload, found: Inspection) -> Receipt | None:
    """What would become of the file as the page has it; None where it cannot go in yet, or is long."""
    if found.table.n_rows > MOST_TRIED or any(problem.key != UNSURE for problem in found.problems):
        return None
    seen = tuple(replace(column, confidence=1.0) for column in found.mapping.columns)
    try:
        return intake.deliver(
            visit.here,
            visit.actor,
            visit.scope,
            source_code=kept.source_code,
            filename=kept.filename,
            content=_uploads(visit).content(kept),
            mapping=replace(found.mapping, columns=seen),
            mode=kept.mode,
            options=_options(kept),
            dry_run=True,
        )
    except InputError:
        return None


def _columns(visit: Visit, found: Inspection, offered: list[registry.Indicator]) -> tuple[MappedColumn, ...]:
    head = found.table.head(40)
    rows = [head.cells(place) for place in range(head.n_rows)]
    made = []
    for column in found.mapping.columns:
        seen = list(dict.fromkeys(row[column.index] for row in rows if row[column.index].strip()))
        made.append(
            MappedColumn(
                name=f"column_{column.index}",
                letter=letter(column.index),
                head=column.header,
                samples=tuple(text[:40] for text in seen[:SAMPLES]),
                roles=_roles(visit, column, offered),
                guessed_by=column.reason.say(visit.language) if column.role != "ignore" else "",
            )
        )
    return tuple(made)


def _roles(visit: Visit, column: intake.ColumnUse, offered: list[registry.Indicator]) -> tuple[Option, ...]:
    """Every role; a value column may also hold one indicator of the source (a wide table)."""
    roles = [
        Option(role, visit.t(f"web.role_of.{role}"), column.role == role and not column.key)
        for role in intake.ROLES
    ]
    if len(offered) <= 60:
        for one in offered:
            chosen = column.role == "value" and column.key == one.code
            word = visit.t("web.mapping.value_of", indicator=visit.name(one.names))
            roles.append(Option(f"value:{one.code}", word, chosen))
    if column.key and not any(option.chosen for option in roles):
        roles.append(
            Option(
                f"{column.role}:{column.key}", f"{visit.t(f'web.role_of.{column.role}')} {column.key}", True
            )
        )
    return tuple(roles)


def _fixed(visit: Visit, found: Inspection, offered: list[registry.Indicator]) -> tuple[FixedField, ...]:
    """What the whole file has in common, where no column says it."""
    fields = []
    if len(found.table.sheets) > 1:
        sheets = tuple(Option(name, name, name == found.table.sheet) for name in found.table.sheets)
        fields.append(FixedField("sheet", visit.t("web.mapping.sheet"), found.table.sheet or "", sheets))
    mapping = found.mapping
    if not mapping.with_role("indicator") and not mapping.is_wide:
        chosen = mapping.fixed.get("indicator", "")
        options = (
            Option("", visit.t("web.mapping.none")),
            *(Option(one.code, visit.name(one.names), one.code == chosen) for one in offered),
        )
        fields.append(FixedField("fixed_indicator", visit.t("web.role_of.indicator"), chosen, options))
    if not mapping.with_role("area") and not mapping.with_role("site"):
        fields.append(
            FixedField(
                "fixed_area",
                visit.t("web.role_of.area"),
                mapping.fixed.get("area", ""),
                help=visit.t("web.mapping.area_help"),
            )
        )
    interval = mapping.declared.interval_counts
    options = (
        Option("", visit.t("web.mapping.interval_no"), not interval),
        Option("1", visit.t("web.mapping.interval_yes"), interval),
    )
    fields.append(FixedField("interval_counts", visit.t("web.mapping.interval"), "", options))
    repeats = mapping.declared.repeats
    options = (
        Option("refuse", visit.t("web.mapping.repeats_refuse"), repeats == "refuse"),
        Option("sum", visit.t("web.mapping.repeats_sum"), repeats == "sum"),
    )
    fields.append(FixedField("repeats", visit.t("web.mapping.repeats"), "", options))
    return tuple(fields)


def _readings(visit: Visit, notes: tuple[Sentence, ...]) -> tuple[tuple[str, str], ...]:
    """How the table was read: a short name where the note has one, and the sentence."""
    said = []
    for note in notes:
        name = f"web.reading.{note.key.rpartition('.')[2]}"
        said.append((visit.t(name) if name in catalogue() else "", note.say(visit.language)))
    return tuple(said)


def _reject(visit: Visit, row: RejectedRow) -> RejectedView:
    first = row.problems[0]
    bad = {place for problem in row.problems if (place := column_of(problem)) is not None}
    place = column_of(first)
    accepted = first.values.get("accepted")
    suggestions = [
        said.say(visit.language)
        for problem in row.problems
        if isinstance(said := problem.values.get("suggestion"), Sentence)
    ]
    more = [message_of(problem, visit.language) for problem in row.problems[1:]]
    return RejectedView(
        row=row.row,
        title=message_of(first, visit.language),
        cell=f"{letter(place)}{row.row}" if place is not None else "",
        cells=tuple(PreviewCell(text, text, index in bad) for index, text in enumerate(row.cells)),
        accepted=accepted.say(visit.language) if isinstance(accepted, Sentence) else "",
        suggestion=" ".join(suggestions),
        more=tuple(more),
    )


def _running_view(visit: Visit, kept: Upload, state: Progress) -> ReceiptView:
    return ReceiptView(
        number="", file=kept.filename, source=kept.source_code, state="running", percent=state.percent,
        rows_total=0, accepted=0, rejected=0, revised=0, unchanged=0, withdrawn=0, series=0, head=(), rejects=(),
        rejects_shown=0, readings=(), received_at=visit.now, received_by=visit.name(visit.who.names) if visit.who else "",
        size=kept.size, sha256="", journal="", rejects_href="", again_href=f"{visit.home}/data",
    )  # fmt: skip
