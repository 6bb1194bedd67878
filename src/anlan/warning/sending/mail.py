"""E-mail by SMTP: several letters on one connection, each with an identifier that never changes.

The relay's last answer (after the text) is what counts. If it is lost, the relay may have the letter: the next try is a
possible second copy, and carries the same Message-ID, by which mailboxes recognise copies.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from anlan.errors import ParameterError, UnavailableError
from anlan.warning.sending.line import Line, connect
from anlan.warning.sending.types import Letter, Outcome

__all__ = ["MailChannel", "MailRelay", "check_mailbox"]

_LETTERS_PER_CONNECTION = 100
_MAILBOX = re.compile(r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,250}")


@dataclass(frozen=True)
class MailRelay:
    """Where letters are handed in. ``security`` is ``none``, ``starttls`` or ``tls``; no ``user``: no sign-in."""

    host: str
    port: int
    sender: str
    security: str = "none"
    user: str = ""
    password: str = ""


def check_mailbox(text: str) -> str:
    """The same mailbox, if it is one.

    Raises
    ------
    ParameterError
        Otherwise.
    """
    if not _MAILBOX.fullmatch(text):
        raise ParameterError(f"address must be a mailbox like name@example.org. Got {text!r}.")
    return text


class MailChannel:
    """Hands letters to one relay. Safe in several threads: each try takes a connection of its own or opens one."""

    def __init__(self, relay: MailRelay) -> None:
        self.relay = relay
        self._free: list[tuple[smtplib.SMTP, int]] = []
        self._lock = threading.Lock()

    def send(self, letter: Letter, line: Line) -> Outcome:
        message = self._message(letter).as_bytes(policy=SMTP)
        for is_fresh in (False, True):
            try:
                with self._connection(line, fresh=is_fresh) as smtp:
                    return _hand_in(smtp, self.relay.sender, letter.address, message)
            except _StaleError:
                continue  # a kept connection that the relay had closed: nothing has left yet
            except UnavailableError as error:
                return Outcome("failed", str(error))
            except smtplib.SMTPResponseException as error:
                return _refusal(error.smtp_code, error.smtp_error)
            except (OSError, smtplib.SMTPException, ValueError) as error:
                return Outcome("failed", f"the relay went away: {error}")
        return Outcome("failed", "the relay closes every connection")

    def rest(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            kept, self._free = self._free, []
        for smtp, _ in kept:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if smtp.sock is not None:
                    smtp.sock.settimeout(1.0)
                    smtp.quit()
            smtp.close()

    @contextlib.contextmanager
    def _connection(self, line: Line, *, fresh: bool) -> Iterator[smtplib.SMTP]:
        with self._lock:
            smtp, used = self._free.pop() if self._free and not fresh else (None, 0)
        if smtp is None:
            smtp = _open(self.relay, line)
        elif smtp.sock is not None:
            smtp.sock.settimeout(line.left())
            line.hold(smtp.sock)
        try:
            if used:
                _begin_again(smtp)
            yield smtp
        except BaseException:
            smtp.close()
            raise
        else:
            if smtp.sock is not None and used + 1 < _LETTERS_PER_CONNECTION and not line.is_cut:
                with self._lock:
                    self._free.append((smtp, used + 1))
            else:
                smtp.close()
        finally:
            line.let_go()

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self.relay.sender
        message["To"] = Address(addr_spec=letter.address)
        message["Subject"] = letter.subject
        message["Message-ID"] = f"<{letter.parcel_id}@{self.relay.sender.partition('@')[2] or 'anlan'}>"
        message["Auto-Submitted"] = "auto-generated"
        if letter.stop_url:
            message["List-Unsubscribe"] = f"<{letter.stop_url}>"
        message.set_content(letter.text, cte="base64")
        if letter.body:
            kind, _, detail = letter.content_type.partition(";")[0].partition("/")
            message.add_attachment(
                letter.body, maintype=kind, subtype=detail, filename=letter.name or "warning.xml"
            )
        return message


class _StaleError(Exception):
    pass


class _Relay(smtplib.SMTP):
    """The standard library's client over a line of ours."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__(timeout=line.left())

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002
        return connect(host, port, self._line)


def _open(relay: MailRelay, line: Line) -> smtplib.SMTP:
    smtp = _Relay(line)
    try:
        if relay.security == "tls":
            plain = connect(relay.host, relay.port, line)
            smtp.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=relay.host)
            line.hold(smtp.sock)
            code, said = smtp.getreply()
        else:
            code, said = smtp.connect(relay.host, relay.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        smtp._host = relay.host  # type: ignore[attr-defined]  # the name that STARTTLS checks
        if relay.security == "starttls":
            smtp.starttls(context=ssl.create_default_context())
            if smtp.sock is not None:
                line.hold(smtp.sock)
        if relay.user:
            smtp.login(relay.user, relay.password)
        else:
            smtp.ehlo_or_helo_if_needed()
    except BaseException:
        smtp.close()
        raise
    return smtp


def _begin_again(smtp: smtplib.SMTP) -> None:
    try:
        code, _ = smtp.rset()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise _StaleError from error
    if code != 250:
        raise _StaleError


def _hand_in(smtp: smtplib.SMTP, sender: str, to: str, message: bytes) -> Outcome:
    """The five steps of one letter. Until the text is on its way, whatever goes wrong means: it has not arrived."""
    for code, said in (smtp.mail(sender), smtp.rcpt(to)):
        if code not in (250, 251):
            raise smtplib.SMTPResponseException(code, said)
    smtp.putcmd("data")
    code, said = smtp.getreply()
    if code != 354:
        raise smtplib.SMTPResponseException(code, said)
    lines = re.sub(rb"(?m)^\.", b"..", message)
    try:
        smtp.send(lines + (b"" if lines.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        code, said = smtp.getreply()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        smtp.close()
        return Outcome("in_doubt", f"no answer after the text: {error}")
    if code == -1:
        smtp.close()
        return Outcome("in_doubt", "no answer after the text")
    if code != 250:
        raise smtplib.SMTPResponseException(code, said)
    return Outcome("sent", f"SMTP {code}")


def _refusal(code: int, said: bytes | str) -> Outcome:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    detail = f"SMTP {code} {text}".strip()
    return Outcome("refused" if 500 <= code < 600 else "failed", detail)
