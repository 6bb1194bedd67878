"""All settings, in one object, built once at start: defaults < file < environment < flags.

``Settings.build`` reports every invalid setting at once. The reference page ``docs/reference/settings.md`` is
generated from the field metadata here, and a test fails when the two differ.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from anlan.errors import ConfigurationError, Problem

__all__ = ["Settings"]

_ENVIRONMENT_PREFIX = "ANLAN_"
# Variables that the command line reads for itself; they are no settings of a node.
_OF_THE_COMMAND_LINE = {"lang", "traceback", "renew_docs"}


def _setting(default: Any, says: str, unit: str = "") -> Any:
    return field(default=default, metadata={"says": says, "unit": unit})


@dataclass(frozen=True)
class Settings:
    """What an installation decides for itself. Every field has a type, a default, a unit and one sentence."""

    data_dir: Path = _setting(
        Path("data"), "Folder of worlds (SQLite), keys, signed journal heads and backups"
    )
    database_url: str = _setting(
        "", "PostgreSQL address (postgresql://user@host/name); empty means SQLite in data_dir"
    )
    node_name: str = _setting("Xianning", "Name of this node, shown in the status line")
    node_area: str = _setting("421200", "Code of the area that this node serves")
    host: str = _setting("127.0.0.1", "Address that the server listens on")
    port: int = _setting(8000, "Port that the server listens on")
    base_url: str = _setting("", "Address under which others reach the pages; empty means http://host:port")
    language: str = _setting("zh", "Language of pages for those who have not chosen one: zh or en")
    zone: str = _setting("Asia/Shanghai", "Time zone of pages and messages")
    public_release: bool = _setting(
        False, "Whether the live world may issue public warnings; drafts can always be written"
    )
    cap_sender: str = _setting(
        "anlan@example.org", "CAP sender: a domain name, an e-mail form or an OID, for good"
    )
    cap_sender_name: str = _setting("Demonstration node", "Name of the issuing authority in messages")
    cap_key: str = _setting(
        "",
        "File with the private key (PEM, EC or RSA) that signs messages; empty means a key of the node's own",
    )
    cap_certificate: str = _setting(
        "", "File with the certificate of that key (PEM), then those that lead to its authority"
    )
    session_hours: int = _setting(12, "How long a sign-in lasts without use", "h")
    sign_in_attempts: int = _setting(5, "Failed sign-ins per account and address before a pause")
    sign_in_pause_minutes: int = _setting(15, "Pause after too many failed sign-ins", "min")
    upload_limit_mb: int = _setting(200, "Largest file that a delivery may bring", "MB")
    lock_timeout_seconds: int = _setting(30, "How long a write waits for the journal before it gives up", "s")
    work_pause_seconds: float = _setting(2.0, "Pause of the work loop when nothing is due", "s")
    smtp_host: str = _setting("", "Mail relay that takes our e-mail; empty means no e-mail is sent")
    smtp_port: int = _setting(25, "Port of the mail relay")
    smtp_security: str = _setting("none", "How the mail relay is reached: none, starttls or tls")
    smtp_user: str = _setting("", "Name for signing in to the mail relay; empty means no sign-in")
    smtp_password: str = _setting("", "Password for signing in to the mail relay")
    mail_from: str = _setting("anlan@example.org", "Mailbox that our e-mail comes from")
    sms_url: str = _setting(
        "", "SMS gateway: an address with the fields {to}, {text}, {id}, {sender}; empty means no SMS is sent"
    )
    sms_method: str = _setting("POST", "How the SMS gateway is asked: GET or POST")
    sms_body: str = _setting("", "What is posted to the SMS gateway, with the same fields")
    sms_content_type: str = _setting(
        "application/x-www-form-urlencoded", "Media type of what is posted to the SMS gateway"
    )
    sms_headers: str = _setting("", "Further headers for the SMS gateway, 'Name: value', separated by ;;")
    sms_sender: str = _setting("", "What the SMS gateway shows as sender")
    sms_accepted: str = _setting(
        "", "A text that a good answer of the SMS gateway holds; empty means that its status decides"
    )
    mqtt_host: str = _setting("", "MQTT broker that public messages are published to; empty means none")
    mqtt_port: int = _setting(1883, "Port of the MQTT broker")
    mqtt_user: str = _setting("", "Name for signing in to the MQTT broker; empty means no sign-in")
    mqtt_password: str = _setting("", "Password for signing in to the MQTT broker")
    mqtt_tls: bool = _setting(False, "Whether the MQTT broker is reached by TLS")
    mqtt_topic: str = _setting("anlan/warnings", "Topic under which public messages are published")
    drop_dir: str = _setting("", "Folder from which broadcasters take public messages; empty means none")
    webhook_private_addresses: bool = _setting(
        False, "Whether webhooks may go to private addresses and to this machine itself"
    )
    subscription_asks_per_hour: int = _setting(
        100, "Most subscriptions that may be asked for in an hour", "1/h"
    )
    answer_minutes_red: int = _setting(10, "Time in which a unit must acknowledge a red warning", "min")
    answer_minutes_orange: int = _setting(
        20, "Time in which a unit must acknowledge an orange warning", "min"
    )
    answer_minutes_yellow: int = _setting(45, "Time in which a unit must acknowledge a yellow warning", "min")
    answer_minutes_blue: int = _setting(120, "Time in which a unit must acknowledge a blue warning", "min")
    act_minutes_red: int = _setting(
        20, "Time from acknowledging a red warning to reporting what was done", "min"
    )
    act_minutes_orange: int = _setting(
        40, "Time from acknowledging an orange warning to reporting what was done", "min"
    )
    act_minutes_yellow: int = _setting(
        120, "Time from acknowledging a yellow warning to reporting what was done", "min"
    )
    act_minutes_blue: int = _setting(
        480, "Time from acknowledging a blue warning to reporting what was done", "min"
    )

    @property
    def address(self) -> str:
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @classmethod
    def build(
        cls,
        file: Path | None = None,
        environment: Mapping[str, str] | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> Settings:
        """Merge the sources of settings. Raises ConfigurationError with every problem found."""
        problems: list[Problem] = []
        merged: dict[str, Any] = {}
        known = {item.name for item in fields(cls)}
        for where, given in (
            (str(file) if file else "file", _read_file(file, problems)),
            ("environment", _from_environment(environment if environment is not None else os.environ)),
            ("command line", {k: v for k, v in (flags or {}).items() if v is not None}),
        ):
            for name, raw in given.items():
                if name not in known:
                    problems.append(
                        Problem(
                            "settings.unknown",
                            {"name": name},
                            {"in": where},
                            f"unknown setting {name!r}; known are {', '.join(sorted(known))}",
                        )
                    )
                    continue
                try:
                    merged[name] = _convert(name, type(getattr(cls(), name)), raw)
                except ValueError as error:
                    problems.append(Problem("settings.invalid", {"name": name}, {"in": where}, str(error)))
        problems += _check_ranges(merged)
        if problems:
            raise ConfigurationError("the settings cannot be used", key="settings.invalid", problems=problems)
        return cls(**merged)


def _read_file(file: Path | None, problems: list[Problem]) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem("settings.file", {}, {"file": str(file)}, str(error)))
        return {}


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    cut = len(_ENVIRONMENT_PREFIX)
    given = {
        name[cut:].lower(): value
        for name, value in environment.items()
        if name.startswith(_ENVIRONMENT_PREFIX)
    }
    return {name: value for name, value in given.items() if name not in _OF_THE_COMMAND_LINE}


def _convert(name: str, wanted: type, raw: Any) -> Any:
    if wanted is bool:
        text = str(raw).strip().lower()
        if text in {"1", "true", "yes", "on"}:
            return True
        if text in {"0", "false", "no", "off"}:
            return False
        raise ValueError(f"{name} must be true or false. Got {raw!r}.")
    if wanted in (int, float):
        try:
            return wanted(raw)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be a number. Got {raw!r}.") from None
    if issubclass(wanted, Path):
        return Path(raw)
    return str(raw)


def _check_ranges(given: Mapping[str, Any]) -> list[Problem]:
    accepted: dict[str, tuple[Any, str]] = {
        "port": (lambda v: 0 <= v <= 65535, "0 to 65535"),
        "language": (lambda v: v in {"zh", "en"}, "zh or en"),
        "session_hours": (lambda v: 1 <= v <= 168, "1 to 168"),
        "sign_in_attempts": (lambda v: 1 <= v <= 100, "1 to 100"),
        "sign_in_pause_minutes": (lambda v: 1 <= v <= 1440, "1 to 1440"),
        "upload_limit_mb": (lambda v: 1 <= v <= 4096, "1 to 4096"),
        "lock_timeout_seconds": (lambda v: 1 <= v <= 600, "1 to 600"),
        "smtp_port": (lambda v: 1 <= v <= 65535, "1 to 65535"),
        "smtp_security": (lambda v: v in {"none", "starttls", "tls"}, "none, starttls or tls"),
        "sms_method": (lambda v: v in {"GET", "POST"}, "GET or POST"),
        "mqtt_port": (lambda v: 1 <= v <= 65535, "1 to 65535"),
        "subscription_asks_per_hour": (lambda v: 0 <= v <= 100_000, "0 to 100000"),
        **{
            f"{what}_minutes_{level}": (lambda v: 1 <= v <= 10_080, "1 to 10080")
            for what in ("answer", "act")
            for level in ("red", "orange", "yellow", "blue")
        },
        "database_url": (lambda v: v == "" or v.startswith("postgresql://"), "empty or postgresql://…"),
    }
    return [
        Problem("settings.range", {"name": name}, {}, f"{name} must be {what}. Got {given[name]!r}.")
        for name, (holds, what) in accepted.items()
        if name in given and not holds(given[name])
    ]
