"""XML signatures in received messages: what can be said about them, without deciding whom to trust.

A reader may not refuse a message because its signature cannot be verified; it says so and goes on. Two things are
refused, because no correct sender produces them: base64 that is not in its canonical spelling (a sign of tampering
that lenient decoders overlook) and a signature that does not cover the document it stands in.

Whether a certificate belongs to an authority is a matter of the register of senders, not of this module.

Sources: W3C XML Signature 1.1; OASIS CAP-v1.2 section 3.3.4.1.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from lxml import etree

from anlan.warning.cap._rules_alert import DSIG
from anlan.warning.cap._rules_info import is_base64
from anlan.warning.cap.findings import Report
from anlan.warning.cap.safe_xml import parse

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["SignatureResult", "SignatureState", "check_signatures", "verify_signatures"]

SignatureState = Literal["verified", "layout_changed", "not_verified", "weak", "incomplete"]
_BASE64_ELEMENTS = ("SignatureValue", "DigestValue", "X509Certificate")


@dataclass(frozen=True)
class SignatureResult:
    """What one signature says.

    ``verified``: holds over the stored bytes. ``layout_changed``: holds once blanks between elements are dropped.
    ``not_verified``: does not hold. ``weak``: uses SHA-1, not judged. ``incomplete``: parts are missing.
    """

    state: SignatureState
    subject: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    detail: str = ""


def check_signatures(data: bytes, root: etree._Element, report: Report) -> None:
    """Report on every signature; ``root`` is the same document, read."""
    signatures = root.findall(f"{{{DSIG}}}Signature")
    if not signatures:
        return
    broken = False
    for signature in signatures:
        for name in _BASE64_ELEMENTS:
            for element in signature.iter(f"{{{DSIG}}}{name}"):
                if not is_base64(element.text or ""):
                    report.error("SIG", element, "base64", element=name)
                    broken = True
        for reference in signature.findall(f"{{{DSIG}}}SignedInfo/{{{DSIG}}}Reference"):
            if reference.get("URI", ""):
                report.error("SIG", reference, "elsewhere", given=reference.get("URI"))
                broken = True
    if broken:
        return
    for signature, result in zip(signatures, verify_signatures(data), strict=True):
        if result.state != "verified":
            report.warn("SIG", signature, result.state, detail=result.detail)
        elif report.issuing is False:
            report.advise("SIG", signature, "verified", subject=result.subject)


def verify_signatures(data: bytes) -> list[SignatureResult]:
    """Verify each enveloped signature against the certificate it carries.

    The date of the certificate is not compared with today: a message is judged by the time of sending, and that
    comparison belongs to the register of senders. Its dates are in the result.
    """
    root = parse(data, keep_layout=True)
    count = len(root.findall(f"{{{DSIG}}}Signature"))
    return [_verify(data, position) for position in range(count)]


def _verify(data: bytes, position: int) -> SignatureResult:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    signature = _alone(parse(data, keep_layout=True), position)
    if signature.find(f"{{{DSIG}}}SignedInfo") is None:
        return SignatureResult("incomplete")
    if any("sha1" in (item.get("Algorithm") or "") for item in signature.iter()):
        return SignatureResult("weak")
    packed = re.sub(r"\s+", "", signature.findtext(f".//{{{DSIG}}}X509Certificate") or "")
    if not packed:
        return SignatureResult("incomplete", detail="X509Certificate")
    pem = "\n".join(
        ["-----BEGIN CERTIFICATE-----", *textwrap.wrap(packed, 64), "-----END CERTIFICATE-----", ""],
    )
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm) as error:
        return SignatureResult("not_verified", detail=str(error)[:200])
    result = SignatureResult(
        "verified",
        certificate.subject.rfc4514_string(),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )
    detail = _holds(data, position, certificate, drop_layout=False)
    if not detail:
        return result
    if not _holds(data, position, certificate, drop_layout=True):
        return replace(result, state="layout_changed")
    return replace(result, state="not_verified", detail=detail)


def _holds(data: bytes, position: int, certificate: x509.Certificate, *, drop_layout: bool) -> str:
    """Verify one signature; the empty text means that it holds, any other says why not."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from signxml.exceptions import InvalidInput, SignXMLException
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    root = parse(data, keep_layout=True)
    _alone(root, position)
    if drop_layout:
        for element in root.iter():
            if len(element) and not (element.text or "").strip():
                element.text = None
            if not (element.tail or "").strip():
                element.tail = None
    moment = certificate.not_valid_before_utc
    expected = SignatureConfiguration(location="./", verification_time=moment)
    try:
        result = XMLVerifier().verify(
            root, x509_cert=certificate, validate_schema=False, expect_config=expected
        )
    except (
        SignXMLException,
        InvalidInput,
        InvalidSignature,
        UnsupportedAlgorithm,
        etree.LxmlError,
        # What the library runs into when parts of a signature are missing or of another kind.
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        AssertionError,
    ) as error:
        return str(error)[:200] or type(error).__name__
    signed = result[0].signed_xml if isinstance(result, list) else result.signed_xml
    # A signature that wraps some other element says nothing about the alert that we read.
    return "" if signed is not None and signed.tag == root.tag else "the signed element is not the alert"


def _alone(root: etree._Element, position: int) -> etree._Element:
    """Leave one signature in the document: with several, each covers the document without the others."""
    signatures = root.findall(f"{{{DSIG}}}Signature")
    for number, signature in enumerate(signatures):
        if number != position:
            root.remove(signature)
    return signatures[position]
