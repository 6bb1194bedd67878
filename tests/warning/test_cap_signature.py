"""Signatures: signed messages verify, altered ones do not, and neither is refused for it alone."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest
from cap_samples import make_alert
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.signer import XMLSigner

from anlan.warning.cap import check, read, write
from anlan.warning.cap.signature import verify_signatures


def sign(root: etree._Element) -> etree._Element:
    """Sign with a fresh key, and a certificate that was valid when the message was sent."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "city.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2026, 8, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return XMLSigner(signature_algorithm="ecdsa-sha256").sign(root, key=pem, cert=[certificate])


@cache
def signed() -> bytes:
    """Our message, signed."""
    root = sign(etree.fromstring(write(make_alert())))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def signature_finding(data: bytes) -> tuple[str, str]:
    (finding,) = [item for item in check(data) if item.rule == "SIG"]
    return finding.code, finding.variant


def test_signed_message_verifies_and_reads_as_before() -> None:
    assert signature_finding(signed()) == ("W-SIG", "verified")
    (result,) = verify_signatures(signed())
    assert (result.state, result.subject) == ("verified", "CN=city.example")
    assert result.valid_to == datetime(2026, 8, 1, tzinfo=UTC)
    assert read(signed()) == make_alert()


def test_one_changed_character_is_seen() -> None:
    changed = signed().replace("赤壁市".encode(), "赤壁县".encode(), 1)
    assert changed != signed()
    assert signature_finding(changed) == ("W-SIG", "not_verified")


def test_new_layout_is_told_from_new_content() -> None:
    dense = etree.fromstring(signed(), etree.XMLParser(remove_blank_text=True))
    assert signature_finding(etree.tostring(dense)) == ("W-SIG", "not_verified")
    # The signer's own layout had no blanks at all; somebody breaks the lines afterwards.
    root = sign(etree.fromstring(write(make_alert()), etree.XMLParser(remove_blank_text=True)))
    for position, child in enumerate(root):
        child.tail = "\n" if position < len(root) - 1 else None
    assert signature_finding(etree.tostring(root)) == ("W-SIG", "layout_changed")


@pytest.mark.parametrize("name", ["SignatureValue", "DigestValue", "X509Certificate"])
def test_base64_of_another_spelling_is_refused(name: str) -> None:
    root = etree.fromstring(signed())
    element = next(root.iter(f"{{http://www.w3.org/2000/09/xmldsig#}}{name}"))
    element.text = "".join((element.text or "").split()) + "===="
    assert ("E-SIG", "base64") in [(item.code, item.variant) for item in check(etree.tostring(root))]


def test_signature_over_something_else_is_refused() -> None:
    data = signed().replace(b'URI=""', b'URI="#other"', 1)
    assert data != signed()
    assert signature_finding(data) == ("E-SIG", "elsewhere")
