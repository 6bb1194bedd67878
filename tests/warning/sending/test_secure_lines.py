"""Lines by TLS, to peers with a certificate that is trusted and to the same peers when it is not."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from peers import http_peer, mail_peer, tls_mail_peer

from anlan.warning.sending.line import Line
from anlan.warning.sending.mail import MailChannel, MailRelay
from anlan.warning.sending.types import Letter
from anlan.warning.sending.webhook import WebhookChannel

LETTER = Letter("id-1", "li@example.org", "subject", ".\n..text\n", b"", "application/cap+xml")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificate)
    return made


@pytest.fixture(params=[True, False], ids=["trusted", "not trusted"])
def trusted(request: pytest.FixtureRequest, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return bool(request.param)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_by_tls(context: ssl.SSLContext, trusted: bool, security: str) -> None:
    with mail_peer(context) if security == "starttls" else tls_mail_peer(context) as relay:
        channel = MailChannel(MailRelay("127.0.0.1", relay.port, "a@example.org", security))
        outcomes = [channel.send(LETTER, Line(5)).result for _ in range(2)]
        channel.rest()
    assert outcomes == (["sent", "sent"] if trusted else ["failed", "failed"])
    assert len(relay.letters) == (2 if trusted else 0)


def test_a_webhook_by_tls(context: ssl.SSLContext, trusted: bool) -> None:
    with http_peer(context) as peer:
        letter = Letter(
            "id-1", peer.address + "/hook", "", "", b"<alert/>", "application/cap+xml", secret="s"
        )
        outcome = WebhookChannel(private_addresses=True).send(letter, Line(5))
    assert outcome.result == ("delivered" if trusted else "failed")
    assert [one.body for one in peer.requests] == ([b"<alert/>"] if trusted else [])
