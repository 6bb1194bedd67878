"""The risk assessment of a signal: likelihood and impact give a level, and a level a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from anlan import analysis, assessment
from anlan.errors import InputError
from anlan.flows import chain
from anlan.web.access import Permission
from anlan.web.forms import field_errors
from anlan.web.routing import route
from anlan.web.views.frame import FieldError, Option
from anlan.web.views.signals import AssessmentForm, MatrixCell, MatrixRow
from anlan.web.visit import Visit

router = APIRouter()
SCALE = (5, 4, 3, 2, 1)
CONFIDENCES = ("low", "medium", "high")


@route(router, "GET", "/w/{world}/signals/{signal}/assess", Permission.ASSESS)
def assess_form(visit: Visit) -> Response:
    return _assess_form(visit, {}, ())


@route(router, "POST", "/w/{world}/signals/{signal}/assess", Permission.ASSESS)
def assess(visit: Visit) -> Response:
    """Set the level. What was typed comes back with every problem when something is missing."""
    typed = {name: visit.field(name) for name in ("cell", "confidence", "reasons")}
    errors = _missing(visit, typed)
    if errors:
        return _assess_form(visit, typed, errors)
    likelihood, _, impact = typed["cell"].partition(":")
    with visit.here.read() as connection:
        one = analysis.signal(connection, visit.scope, visit.as_of, visit.parameter("signal"))
    confidence: Any = typed["confidence"]
    try:
        with visit.here.write(visit.actor) as tx:
            assessment.assess(
                tx,
                signal_ids=[one.public_id],
                likelihood=int(likelihood),
                impact=int(impact),
                confidence=confidence,
                reasons=[line for line in typed["reasons"].splitlines() if line.strip()],
                area_code=one.area_code,
                area_path=one.area_path,
                domain=one.domain,
                sensitivity=one.sensitivity,
            )
    except InputError as error:
        return _assess_form(visit, typed, field_errors(error, visit.language))
    return visit.redirect(f"{visit.home}/signals/{one.public_id}")


def _missing(visit: Visit, typed: Mapping[str, str]) -> tuple[FieldError, ...]:
    errors = []
    likelihood, _, impact = typed["cell"].partition(":")
    if likelihood not in "12345" or impact not in "12345" or not likelihood or not impact:
        errors.append(FieldError("cell", visit.t("web.assess.choose_cell")))
    if typed["confidence"] not in ("low", "medium", "high"):
        errors.append(FieldError("confidence", visit.t("web.assess.choose_confidence")))
    if not typed["reasons"]:
        errors.append(FieldError("reasons", visit.t("web.assess.give_reasons")))
    return tuple(errors)


def _assess_form(visit: Visit, typed: Mapping[str, str], errors: tuple[FieldError, ...]) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        one = analysis.signal(*args, visit.parameter("signal"))
        matrix = assessment.matrix(*args)
    chosen = typed.get("cell", "")
    rows = tuple(
        MatrixRow(
            word=visit.t(f"web.assess.likelihood.{likelihood}"),
            help="",
            cells=tuple(
                MatrixCell(
                    f"{likelihood}:{impact}",
                    matrix.level(likelihood, impact) or "",
                    f"{likelihood}:{impact}" == chosen,
                )
                for impact in reversed(SCALE)
            ),
        )
        for likelihood in SCALE
    )
    href = f"{visit.home}/signals/{one.public_id}"
    view = AssessmentForm(
        signal_title=analysis.say(one.title, visit.language),
        signal_href=href,
        action=f"{href}/assess",
        impacts=tuple(Option(str(i), visit.t(f"web.assess.impact.{i}")) for i in reversed(SCALE)),
        rows=rows,
        confidence=tuple(
            Option(word, visit.t(f"web.assess.confidence.{word}"), typed.get("confidence") == word)
            for word in CONFIDENCES
        ),
        method=visit.t("web.assess.by_matrix", matrix=visit.name(matrix.names), version=matrix.version),
        values=typed,
        draft_key=f"assess-{visit.here.name}-{one.number}",
        errors=errors,
    )
    return visit.page("assessment.html", view, current="signals", status=422 if errors else 200)


@route(router, "GET", "/w/{world}/assessments/{assessment}", Permission.READ)
def assessment_page(visit: Visit) -> Response:
    """An assessment is shown with the signal that it rests on."""
    with visit.here.read() as connection:
        made = assessment.assessment(connection, visit.scope, visit.as_of, visit.parameter("assessment"))
    where = f"signals/{made.signal_ids[0]}" if made.signal_ids else ""
    return visit.redirect(f"{visit.home}/{where}")


@route(router, "POST", "/w/{world}/assessments/{assessment}/draft", Permission.DRAFT)
def draft(visit: Visit) -> Response:
    """Begin a warning from an assessment: level, places and texts are filled in, people change what they want."""
    made = chain.draft_from_assessment(
        visit.here,
        visit.actor,
        visit.scope,
        visit.parameter("assessment"),
        settings=visit.settings,
        hazard=visit.field("hazard"),
    )
    return visit.redirect(f"{visit.home}/warnings/{made.public_id}")
