"""To whom warnings go: subscriptions with their links, units with duties and contacts, and the phone tree."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from anlan.errors import AnlanError, InputError, NotFoundError
from anlan.flows.sending import vault_of
from anlan.registry import queries as registry
from anlan.store import Actor
from anlan.store.scope import PERSONAL
from anlan.warning import queries as warnings
from anlan.warning.sending import Audience, Subscription, Way
from anlan.warning.sending import queries as sending
from anlan.warning.sending.contacts import (
    CONTACT_WAYS,
    POSTS,
    add_contact,
    add_duty,
    retire_contact,
    retire_duty,
)
from anlan.warning.sending.subscriptions import SUBSCRIPTION_WAYS, Asked, ask, confirm, end
from anlan.warning.sending.tokens import LinkPurpose, link_key
from anlan.web.access import Permission
from anlan.web.forms import field_errors
from anlan.web.routing import route
from anlan.web.sending_parts import (
    area_options,
    chosen,
    hazard_options,
    level_options,
    people_of,
    people_options,
    unit_rows,
    way_line,
)
from anlan.web.views.frame import FieldError
from anlan.web.views.sending import (
    PhoneTreeView,
    SayView,
    SubscribeForm,
    SubscribeView,
    SubscriptionRow,
    UnitsView,
)
from anlan.web.visit import Visit

router = APIRouter()
_READER = Actor("reader", "subscriber")
_FIELDS = ("way", "address", "area", "hazard", "level", "quiet_from", "quiet_until")


@route(router, "GET", "/subscribe", Permission.PUBLIC)
def subscribe_page(visit: Visit) -> Response:
    visit.world = visit.site.node.world("live")
    return _subscribe(visit)


@route(router, "POST", "/subscribe", Permission.PUBLIC)
def subscribe(visit: Visit) -> Response:
    """Anybody asks for warnings by e-mail. The answer is the same whether the address is known or not."""
    visit.world = visit.site.node.world("live")
    visit.page_path = "/subscribe"
    if not visit.settings.smtp_host:
        return _subscribe(visit)
    try:
        _ask(visit, way=Way.EMAIL, actor=_READER, audience=Audience.PUBLIC)
    except InputError as error:
        return _subscribe(visit, errors=_errors(visit, error), status=422)
    return _say(visit, "asked")


def _subscribe(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    form = _form(visit, "/subscribe", errors, ways=()) if visit.settings.smtp_host else None
    lead = "web.subscribe.lead" if form is not None else "web.subscribe.no_mail"
    view = SubscribeView(visit.t("web.subscribe.title"), visit.t(lead), form)
    return visit.page("subscribe.html", view, status=status)


def _ask(visit: Visit, *, way: str, actor: Actor, audience: Audience) -> Asked:
    return ask(
        visit.here,
        vault_of(visit.site.node, visit.here),
        link_key(visit.site.node, visit.here),
        visit.settings,
        actor=actor,
        way=way,
        address=visit.field("address"),
        area_code=visit.field("area"),
        hazards=[code for code in visit.fields("hazard") if code],
        min_level=visit.field("level") or "blue",
        language=visit.language,
        quiet_from=visit.field("quiet_from"),
        quiet_until=visit.field("quiet_until"),
        audience=audience,
    )


def _form(
    visit: Visit, action: str, errors: tuple[FieldError, ...], *, ways: tuple[Way, ...]
) -> SubscribeForm:
    values = {name: visit.field(name) if visit.form else "" for name in _FIELDS}
    with visit.here.read() as connection:
        return SubscribeForm(
            action=action,
            values=values,
            areas=area_options(visit, connection, values["area"]),
            hazards=hazard_options(visit, connection, values["hazard"]),
            levels=level_options(visit, values["level"]),
            ways=chosen(((str(way), visit.t(f"web.sending.way.{way}")) for way in ways), values["way"]),
            errors=errors,
        )


def _errors(visit: Visit, error: AnlanError) -> tuple[FieldError, ...]:
    found = field_errors(error, visit.language)
    word = str(error).split(" ", 1)[0]
    field = word if word in ("address", "url") else ""
    return tuple(FieldError(one.field or field.replace("url", "address"), one.message) for one in found)


@route(router, "GET", "/w/{world}/confirm/{token}", Permission.PUBLIC)
def confirm_page(visit: Visit) -> Response:
    """A button, so that no program that opens links in letters confirms by itself."""
    _linked(visit, "confirm")
    return _question(visit, "confirm")


@route(router, "POST", "/w/{world}/confirm/{token}", Permission.PUBLIC)
def confirm_it(visit: Visit) -> Response:
    confirm(visit.here, _linked(visit, "confirm"), actor=_READER)
    return _say(visit, "confirmed")


@route(router, "GET", "/w/{world}/stop/{token}", Permission.PUBLIC)
def stop_page(visit: Visit) -> Response:
    _linked(visit, "stop")
    return _question(visit, "stop")


@route(router, "POST", "/w/{world}/stop/{token}", Permission.PUBLIC)
def stop_it(visit: Visit) -> Response:
    vault = vault_of(visit.site.node, visit.here)
    end(visit.here, vault, _linked(visit, "stop"), actor=_READER)
    return _say(visit, "ended")


def _linked(visit: Visit, purpose: LinkPurpose) -> str:
    links = link_key(visit.site.node, visit.here)
    return links.read(purpose, visit.parameter("token"), now=visit.here.clock.now())


def _question(visit: Visit, what: str) -> Response:
    view = SayView(
        visit.t(f"web.subscribe.{what}.title"),
        visit.t(f"web.subscribe.{what}.text"),
        visit.path,
        visit.t(f"web.subscribe.{what}.word"),
    )
    return visit.page("say.html", view)


def _say(visit: Visit, what: str) -> Response:
    visit.page_path = visit.page_path or f"{visit.home}/public"
    view = SayView(visit.t(f"web.subscribe.{what}.title"), visit.t(f"web.subscribe.{what}.text"))
    return visit.page("say.html", view)


@route(router, "GET", "/w/{world}/subscriptions", Permission.CONTACTS)
def subscriptions(visit: Visit) -> Response:
    return _subscriptions(visit)


@route(router, "POST", "/w/{world}/subscriptions", Permission.CONTACTS)
def add_subscription(visit: Visit) -> Response:
    """A subscription of a program or a partner: its address must confirm it like any other."""
    visit.page_path = f"{visit.home}/subscriptions"
    audience = Audience.CLOSED if visit.field("closed") or not visit.here.is_live else Audience.PUBLIC
    try:
        made = _ask(visit, way=visit.field("way"), actor=visit.actor, audience=audience)
    except InputError as error:
        return _subscriptions(visit, errors=_errors(visit, error), status=422)
    return _subscriptions(visit, done=visit.t("web.subscriptions.done"), secret=made.secret)


@route(router, "POST", "/w/{world}/subscriptions/{subscription}/end", Permission.CONTACTS)
def end_subscription(visit: Visit) -> Response:
    with visit.here.read() as connection:
        found = sending.subscription(connection, visit.scope, visit.as_of, visit.parameter("subscription"))
    end(
        visit.here,
        vault_of(visit.site.node, visit.here),
        found.public_id,
        actor=visit.actor,
        reason="ended here",
    )
    return visit.redirect(f"{visit.home}/subscriptions")


def _subscriptions(
    visit: Visit, errors: tuple[FieldError, ...] = (), done: str = "", secret: str = "", status: int = 200
) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        found = sending.subscriptions(*args)
        areas = {area.code: visit.name(area.names) for area in registry.areas(*args)}
        hazards = {one.code: visit.name(one.names) for one in warnings.hazards(*args)}
    view = SubscribeView(
        visit.t("web.subscriptions.title"),
        visit.t(
            "web.subscriptions.lead",
            confirmed=sum(one.state == "confirmed" for one in found),
            asked=sum(one.state == "asked" for one in found),
        ),
        _form(visit, f"{visit.home}/subscriptions", errors, ways=SUBSCRIPTION_WAYS),
        tuple(_subscription_row(visit, one, areas, hazards) for one in found[:500]),
        done,
        secret,
    )
    return visit.page("subscribe.html", view, current="warnings", status=status)


def _subscription_row(
    visit: Visit, one: Subscription, areas: dict[str, str], hazards: dict[str, str]
) -> SubscriptionRow:
    joint = "、" if visit.language == "zh" else ", "
    return SubscriptionRow(
        way=visit.t(f"web.sending.way.{one.way}"),
        area=areas.get(one.area_code, one.area_code),
        hazards=joint.join(hazards.get(code, code) for code in one.hazards)
        or visit.t("web.sending.all_hazards"),
        level=visit.t(f"web.sending.from.{one.min_level}"),
        state=visit.t(f"web.subscriptions.state.{one.state}"),
        quiet=f"{one.quiet_from}–{one.quiet_until}" if one.quiet_from else "",
        audience=visit.t(f"web.sending.audience.{one.audience}"),
        asked_at=one.asked_at,
        end_href=f"{visit.home}/subscriptions/{one.public_id}/end",
    )


@route(router, "GET", "/w/{world}/units", Permission.READ)
def units(visit: Visit) -> Response:
    return _units(visit)


@route(router, "POST", "/w/{world}/units/duties", Permission.CONTACTS)
def new_duty(visit: Visit) -> Response:
    try:
        with visit.here.write(visit.actor) as tx:
            add_duty(
                tx,
                organisation_id=visit.field("organisation"),
                hazards=[code for code in visit.fields("hazard") if code],
                min_level=visit.field("level") or "blue",
                area_code=visit.field("area"),
                superior_id=visit.field("superior"),
            )
    except (InputError, NotFoundError) as error:
        return _units(visit, _errors(visit, error), status=422)
    return visit.redirect(f"{visit.home}/units")


@route(router, "POST", "/w/{world}/units/contacts", Permission.CONTACTS)
def new_contact(visit: Visit) -> Response:
    position = visit.field("position") or "1"
    post: Any = visit.field("post")
    try:
        with visit.here.write(visit.actor) as tx:
            add_contact(
                tx,
                vault_of(visit.site.node, visit.here),
                organisation_id=visit.field("organisation"),
                way=visit.field("way"),
                address=visit.field("address"),
                name=visit.field("name"),
                post=post,
                person_id=visit.field("person"),
                position=int(position) if position.isascii() and position.isdigit() else 0,
                language=visit.field("language") or visit.language,
                secret=visit.field("secret"),
            )
    except AnlanError as error:
        return _units(visit, _errors(visit, error), status=422)
    return visit.redirect(f"{visit.home}/units")


@route(router, "POST", "/w/{world}/units/duties/{duty}/retire", Permission.CONTACTS)
def end_duty(visit: Visit) -> Response:
    with visit.here.read() as connection:
        seen = {one.public_id for one in sending.duties(connection, visit.scope, visit.as_of)}
    _retire(visit, seen, visit.parameter("duty"), retire_duty)
    return visit.redirect(f"{visit.home}/units")


@route(router, "POST", "/w/{world}/units/contacts/{contact}/retire", Permission.CONTACTS)
def end_contact(visit: Visit) -> Response:
    with visit.here.read() as connection:
        seen = {one.public_id for one in sending.contacts(connection, visit.scope, visit.as_of)}
    _retire(visit, seen, visit.parameter("contact"), retire_contact)
    return visit.redirect(f"{visit.home}/units")


def _retire(visit: Visit, seen: set[str], public_id: str, do: Any) -> None:
    if public_id not in seen:
        raise NotFoundError("there is nothing of that kind here", key="sending.unknown.contact")
    with visit.here.write(visit.actor) as tx:
        do(tx, public_id)


def _units(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    visit.page_path = f"{visit.home}/units"
    names = ("organisation", "area", "hazard", "level", "superior", "way", "post", "person", "position")
    values = {name: visit.field(name) if errors else "" for name in (*names, "address", "name", "secret")}
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        own = [(one.public_id, visit.name(one.names)) for one in registry.organisations(*args)]
        people = people_of(visit)
        view = UnitsView(
            rows=unit_rows(visit, connection),
            may_manage=visit.may_act(Permission.CONTACTS),
            organisations=chosen(own, values["organisation"]),
            areas=area_options(visit, connection, values["area"]),
            hazards=hazard_options(visit, connection, values["hazard"]),
            levels=level_options(visit, values["level"]),
            ways=chosen(
                ((str(way), visit.t(f"web.sending.way.{way}")) for way in CONTACT_WAYS), values["way"]
            ),
            posts=chosen(((post, visit.t(f"web.sending.post.{post}")) for post in POSTS), values["post"]),
            people=people_options(visit, people, values["person"], "web.units.desk"),
            home=visit.home,
            ways_open=tuple(way_line(visit, one) for one in sending.way_counts(connection, visit.scope)),
            values=values,
            errors=errors,
        )
    return visit.page("units.html", view, current="warnings", status=status)


@route(router, "GET", "/w/{world}/phone-tree", Permission.READ)
def phone_tree(visit: Visit) -> Response:
    return _phone_tree(visit)


@route(router, "POST", "/w/{world}/phone-tree", Permission.CONTACTS)
def open_phone_tree(visit: Visit) -> Response:
    """Show the numbers, for printing. Each that is shown is logged as read."""
    visit.page_path = f"{visit.home}/phone-tree"
    if visit.scope.sensitivity < PERSONAL:
        return _phone_tree(visit, problem=visit.t("web.phone_tree.closed"), status=422)
    return _phone_tree(visit, is_open=True)


def _phone_tree(visit: Visit, *, is_open: bool = False, problem: str = "", status: int = 200) -> Response:
    opened = None
    with visit.here.read() as connection:
        wanted = [one.public_id for one in sending.contacts(connection, visit.scope, visit.as_of)]
    if is_open:
        opened = vault_of(visit.site.node, visit.here).open_many(wanted, scope=visit.scope, actor=visit.actor)
    with visit.here.read() as connection:
        rows = unit_rows(visit, connection, opened=opened)
    view = PhoneTreeView(rows, is_open, f"{visit.home}/phone-tree", visit.now, problem)
    return visit.page("phone_tree.html", view, current="warnings", status=status)
