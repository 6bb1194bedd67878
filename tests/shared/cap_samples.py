"""One good message of our own, and ways to spoil it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from anlan.warning.cap import (
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    NamedValue,
    Resource,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
    write,
)
from anlan.warning.cap.colour import level_parameter
from anlan.warning.levels import Level

BEIJING = timezone(timedelta(hours=8))
SENT = datetime(2026, 7, 1, 8, 0, 0, tzinfo=BEIJING)
RING = ((29.71, 113.88), (29.72, 114.02), (29.63, 113.99), (29.71, 113.88))


def make_info(language: str = "zh-CN", headline: str = "咸宁市发布暴雨橙色预警", event: str = "暴雨") -> Info:
    return Info(
        language=language,
        categories=(Category.MET,),
        event=event,
        response_types=(ResponseType.PREPARE, ResponseType.AVOID),
        urgency=Urgency.EXPECTED,
        severity=Severity.SEVERE,
        certainty=Certainty.LIKELY,
        event_codes=(NamedValue("EC", "11B03"),),
        effective=SENT,
        onset=SENT + timedelta(hours=1),
        expires=SENT + timedelta(hours=6),
        sender_name="咸宁市应急管理局",
        headline=headline,
        description=f"{headline}：三小时内降雨 50 毫米以上 <=100 & 更多",
        instruction=f"{event}：避开低洼处",
        web="https://city.example/w/1",
        contact="12345",
        parameters=(level_parameter(Level.ORANGE),),
        resources=(Resource("map", "image/png", 1200, "https://city.example/m.png", "", "a" * 40),),
        areas=(
            Area(
                description="赤壁市" if language == "zh-CN" else "Chibi",
                polygons=(RING,),
                circles=(Circle((29.7, 113.9), 3.5),),
                geocodes=(NamedValue("GBT2260", "421281"),),
                altitude_feet=0,
                ceiling_feet=1500.5,
            ),
        ),
    )


def make_alert(**changes: object) -> Alert:
    values: dict[str, object] = {
        "identifier": "42120041600000_20260701080000",
        "sender": "42120041600000",
        "sent": SENT,
        "status": Status.ACTUAL,
        "msg_type": MsgType.ALERT,
        "scope": Scope.PUBLIC,
        "infos": (make_info(), make_info("en-US", "Xianning: orange rainstorm warning", "Rainstorm")),
        **changes,
    }
    return Alert(**values)  # type: ignore[arg-type]


def make_bytes(*replacements: tuple[str, str]) -> bytes:
    """The good message with texts replaced, each once and each really there."""
    text = write(make_alert()).decode()
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()
