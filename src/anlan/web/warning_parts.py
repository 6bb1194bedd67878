"""The parts of a warning's page: its title, life, checks, acts and the forms in which people get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise

from anlan.assessment import Assessment
from anlan.registry import Area
from anlan.texts import say
from anlan.warning import HazardType, HazardWarning, Preview
from anlan.warning.cap import Info
from anlan.warning.sending.letters import sms_text
from anlan.warning.sending.sms import measure
from anlan.web.access import Permission
from anlan.web.drawings import length_gauge_svg
from anlan.web.problems import message_of
from anlan.web.views.signals import HistoryLine
from anlan.web.views.warnings import Act, Check, LifeStep, MessageText, SmsPreview
from anlan.web.visit import Visit


@dataclass(frozen=True)
class Held:
    """All that the page of a warning is made from, read once.

    ``others`` are the warnings in force for the same hazard whose areas meet those of this one.
    """

    one: HazardWarning
    shown: Preview
    basis: Assessment | None
    steps: tuple[HazardWarning, ...]
    versions: tuple[HazardWarning, ...]
    people: Mapping[str, str]
    areas: Mapping[str, Area]
    hazard: HazardType
    others: tuple[HazardWarning, ...] = ()

    def person(self, public_id: str | None) -> str:
        return self.people.get(public_id or "", "")


def title(visit: Visit, one: HazardWarning, *, question: bool = False) -> str:
    """The headline; on the page of a draft as the question that it asks."""
    texts = one.texts.get(visit.language) or next(iter(one.texts.values()), {})
    headline = texts.get("headline") or one.number
    key = f"web.warning.asks.{one.state}"
    if question and one.state in ("draft", "review", "in_force"):
        return visit.t(key, headline=headline.rstrip("。."))
    return headline


def lead(visit: Visit, held: Held) -> str:
    one = held.one
    if one.state in ("draft", "review"):
        listed = checks(visit, held)
        good = sum(check.state == "ok" for check in listed)
        return visit.t("web.warning.lead_open", all=len(listed), good=good)
    return visit.t(
        "web.warning.lead_out",
        at=visit.f.clock(one.released_at or one.changed_at),
        by=held.person(one.released_by),
        end=visit.f.clock(one.expires),
    )


def life(visit: Visit, held: Held) -> tuple[LifeStep, ...]:
    """Draft, review, in force, update, end: what is done, what is now, what is to come."""
    one = held.one
    place = {"draft": 0, "withdrawn": 0, "review": 1, "in_force": 2, "superseded": 3}.get(one.state, 4)
    notes = (
        f"{visit.f.clock(one.drafted_at)} {held.person(one.drafted_by)}",
        f"{visit.f.clock(one.submitted_at)} {held.person(one.submitted_by)}" if one.submitted_at else "",
        f"{visit.f.clock(one.released_at)} {held.person(one.released_by)}" if one.released_at else "",
        visit.f.clock(one.changed_at) if one.state == "superseded" else "",
        visit.f.clock(one.changed_at)
        if place == 4
        else visit.t("web.warning.not_later", at=visit.f.clock(one.expires)),
    )
    steps = []
    for index, (name, note) in enumerate(
        zip(("draft", "review", "in_force", "updated", "over"), notes, strict=True)
    ):
        skipped = index == 3 and place == 4
        state = "now" if index == place else "done" if index < place and not skipped else "ahead"
        steps.append(LifeStep(visit.t(f"web.warning.life.{name}"), state, note.strip()))  # type: ignore[arg-type]
    return tuple(steps)


def checks(visit: Visit, held: Held) -> tuple[Check, ...]:
    """The checklist before release; what is wrong must be put right before it can be submitted."""
    one, shown = held.one, held.shown
    listed: list[Check] = []
    if held.basis is not None:
        agrees = held.basis.level == str(one.level)
        listed.append(
            Check("ok" if agrees else "note", visit.t(f"web.check.level_{'same' if agrees else 'other'}"))
        )
    broken = [message_of(problem, visit.language) for problem in shown.problems]
    if broken:
        listed += [Check("wrong", text) for text in broken]
    else:
        listed.append(Check("ok", visit.t("web.check.texts")))
    listed.append(Check("ok", visit.t("web.check.ends", length=visit.f.length(one.expires - visit.now))))
    listed.append(Check("ok", visit.t("web.check.areas", count=len(one.area_codes))))
    errors = [finding for finding in shown.findings if finding.severity == "error"]
    if not errors:
        listed.append(Check("ok", visit.t("web.check.cap")))
    for finding in shown.findings:
        if finding.severity != "advice":
            state = "wrong" if finding.severity == "error" else "note"
            listed.append(Check(state, message_of(finding.problem(), visit.language)))  # type: ignore[arg-type]
    for other in held.others:
        end = visit.f.clock(other.expires)
        listed.append(Check("note", visit.t("web.check.twice", number=other.number, end=end)))
    listed.append(Check("wait", visit.t("web.check.second")))
    return tuple(listed)


def acts(visit: Visit, held: Held, href: str) -> tuple[Act, ...]:
    """What this person may do now; at most one of them is the main one."""
    one = held.one
    mine = visit.who is not None and visit.who.person_id in one.authors
    found: list[Act] = []

    def add(name: str, *, main: bool = False, reason: bool = False) -> None:
        words = (visit.t(f"web.warning.act.{name}"), visit.t(f"web.warning.act.{name}_help"))
        found.append(Act(f"{href}/{name}", words[0], words[1], main, reason, name))

    alone = visit.may_act(Permission.RELEASE_ALONE) and _may_issue(visit) and held.shown.is_fit
    if one.state == "draft" and visit.may_act(Permission.DRAFT):
        add("submit", main=held.shown.is_fit)
        if alone:
            add("release_alone", reason=True)
        add("withdraw", reason=True)
    if one.state == "review":
        if visit.may_act(Permission.RELEASE) and not mine and _may_issue(visit):
            add("release", main=True)
        if visit.may_act(Permission.RELEASE) and not mine:
            add("return", reason=True)
        if mine and alone:
            add("release_alone", reason=True)
        if visit.may_act(Permission.DRAFT):
            add("withdraw", reason=True)
    waits = one.alone_reason is not None and one.reviewed_at is None
    if waits and visit.may_act(Permission.RELEASE) and visit.who and visit.who.person_id != one.released_by:
        add("review", reason=True)
    if one.state == "in_force" and visit.may_act(Permission.UPDATE):
        add("update")
        add("end", reason=True)
        add("cancel", reason=True)
    return tuple(found)


def _may_issue(visit: Visit) -> bool:
    return visit.here.kind == "exercise" or (visit.here.is_live and visit.settings.public_release)


def history(visit: Visit, held: Held) -> tuple[HistoryLine, ...]:
    """What was done to this step, and the other steps of the same warning."""
    lines = []
    first = held.versions[0] if held.versions else held.one
    lines.append(
        HistoryLine(first.changed_at, visit.t("web.warning.done.drafted"), held.person(first.changed_by))
    )
    for before, after in pairwise(held.versions):
        key, text = _done(before, after)
        reason = f"{visit.t('web.colon')}{text}" if text else ""
        said = visit.t(f"web.warning.done.{key}") + reason
        lines.append(HistoryLine(after.changed_at, said, held.person(after.changed_by)))
    for step in held.steps:
        if step.public_id != held.one.public_id and step.released_at is not None:
            said = visit.t(
                "web.warning.done.step", step=step.step, state=visit.t(f"warning.state.{step.state}")
            )
            lines.append(HistoryLine(step.released_at, said, held.person(step.released_by)))
    return tuple(sorted(lines, key=lambda line: line.at))


def _done(before: HazardWarning, after: HazardWarning) -> tuple[str, str]:
    """What was done between two versions, as the end of its key, and the reason given."""
    if after.reviewed_at != before.reviewed_at:
        return "reviewed", after.review or ""
    if after.alone_reason != before.alone_reason:
        return "released_alone", after.alone_reason or ""
    changed = after.reason if after.reason != before.reason else ""
    if before.state == after.state:
        return "edited", changed
    return ("returned" if after.state == "draft" else after.state), changed


def message_texts(shown: Preview, zone: tzinfo) -> tuple[MessageText, ...]:
    """The message in each language, as its CAP document says it: an exercise carries its mark here too."""
    made = []
    for info in shown.alert.infos:
        language = "zh" if info.language.startswith("zh") else "en"
        joint = "、" if language == "zh" else ", "
        areas = joint.join(area.description for area in info.areas)
        sms = _sms(info, language, zone)
        made.append(
            MessageText(
                language=language,
                headline=info.headline or info.event,
                event=info.event,
                areas=areas,
                description=info.description or "",
                instructions=instruction_lines(info.instruction or ""),
                sms=sms,
            )
        )
    return tuple(made)


def _sms(info: Info, language: str, zone: tzinfo) -> SmsPreview:
    """The text message that subscribers get; a unit's has the link for its answer besides."""
    text = sms_text(info, language, "", subject=info.headline or info.event, zone=zone)
    length = measure(text)
    one = measure("中" if length.alphabet == "UCS-2" else "a").room
    label = say("web.warning.sms_gauge", language, count=length.places)
    gauge = length_gauge_svg(length.places, one=one, whole=length.room, label=label)
    return SmsPreview(text, length.places, length.parts, gauge)


def instruction_lines(text: str) -> tuple[str, ...]:
    """The acts of an instruction, one each; a text of one line is cut at its full stops and semicolons."""
    lines = [line.strip(" •-·\t") for line in text.splitlines() if line.strip()]
    if len(lines) == 1:
        parts = lines[0].replace("；", "。").replace("; ", "。").replace(". ", "。").split("。")
        lines = [part.strip() for part in parts if part.strip()]
    return tuple(lines)
