"""XML signatures in received messages: what can be said about them.

A reader may not refuse a message because its signature cannot be verified; it says so and goes on. Two things are
refused, because no correct sender produces them: base64 that is not in its canonical spelling (a sign of tampering
that lenient decoders overlook) and a signature that does not cover the document it stands in. Who names the
certificates that he trusts has a policy of his own: then a message that none of them answers for is refused.

A certificate is judged by the moment of sending, not by today: an archive stays verifiable when certificates run out.

Sources: W3C XML Signature 1.1; OASIS CAP-v1.2 section 3.3.4.1.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from lxml import etree

from anlan.warning.cap._rules_alert import DSIG, moment
from anlan.warning.cap._rules_info import is_base64
from anlan.warning.cap.findings import Report
from anlan.warning.cap.safe_xml import parse

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["SignatureResult", "SignatureState", "check_signatures", "verify_signatures"]

SignatureState = Literal["verified", "layout_changed", "not_verified", "weak", "incomplete"]
_BASE64_ELEMENTS = ("SignatureValue", "DigestValue", "X509Certificate")
_MOST_SIGNATURES = 5
_LONGEST_CHAIN = 5


@dataclass(frozen=True)
class SignatureResult:
    """What one signature says.

    ``verified``: holds over the stored bytes. ``layout_changed``: holds once blanks between elements are dropped.
    ``not_verified``: does not hold. ``weak``: uses SHA-1, not judged. ``incomplete``: parts are missing.

    ``fingerprint`` is the SHA-256 of the certificate (DER, hexadecimal). ``was_valid`` tells whether the message was
    sent inside its dates, ``is_trusted`` whether it is one of those trusted or was issued by one; None is not known.
    """

    state: SignatureState
    subject: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    detail: str = ""
    fingerprint: str = ""
    was_valid: bool | None = None
    is_trusted: bool | None = None


def check_signatures(
    data: bytes, root: etree._Element, report: Report, *, trusted: Sequence[x509.Certificate] = ()
) -> None:
    """Report on every signature; ``root`` is the same document, read."""
    signatures = root.findall(f"{{{DSIG}}}Signature")
    if not signatures:
        if trusted:
            report.error("SIG", root, "unsigned")
        return
    if _is_broken(signatures, report):
        return
    results = verify_signatures(data, trusted=trusted)
    for signature, result in zip(signatures, results, strict=False):
        _report(signature, result, report, policy=bool(trusted))
    if len(signatures) > len(results):
        report.warn("SIG", signatures[-1], "many", count=len(signatures), limit=_MOST_SIGNATURES)


def _is_broken(signatures: Sequence[etree._Element], report: Report) -> bool:
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
    return broken


def _report(signature: etree._Element, result: SignatureResult, report: Report, *, policy: bool) -> None:
    holds = result.state in ("verified", "layout_changed")
    if result.state != "verified":
        severity: Literal["error", "warning"] = "error" if policy and not holds else "warning"
        report.add(severity, "SIG", signature, result.state, detail=result.detail)
    elif not report.issuing:
        report.advise("SIG", signature, "verified", subject=result.subject)
    if holds and result.was_valid is False and result.valid_from and result.valid_to:
        dates = {"valid_from": f"{result.valid_from:%Y-%m-%d}", "valid_to": f"{result.valid_to:%Y-%m-%d}"}
        report.add("error" if policy else "warning", "SIG", signature, "dates", **dates)
    if holds and result.is_trusted is False:
        report.error("SIG", signature, "stranger", subject=result.subject)


def verify_signatures(data: bytes, *, trusted: Sequence[x509.Certificate] = ()) -> list[SignatureResult]:
    """Verify each enveloped signature against the certificate it carries, or one of the trusted if it carries none.

    Parameters
    ----------
    data : bytes
        The document as received.
    trusted : sequence of x509.Certificate, optional
        Certificates of senders, or of authorities that issue such.

    Returns
    -------
    list of SignatureResult
        One for each of the first five signatures of the document, in its order.
    """
    root = parse(data, keep_layout=True)
    count = min(len(root.findall(f"{{{DSIG}}}Signature")), _MOST_SIGNATURES)
    sent = moment(root, "sent")
    return [_verify(data, position, sent, trusted) for position in range(count)]


def _verify(
    data: bytes, position: int, sent: datetime | None, trusted: Sequence[x509.Certificate]
) -> SignatureResult:
    signature = _alone(parse(data, keep_layout=True), position)
    if signature.find(f"{{{DSIG}}}SignedInfo") is None:
        return SignatureResult("incomplete")
    if any("sha1" in (item.get("Algorithm") or "") for item in signature.iter()):
        return SignatureResult("weak")
    try:
        carried = _certificates(signature)
    except ValueError as error:
        return SignatureResult("not_verified", detail=str(error)[:200])
    candidates = carried or list(trusted)[:_LONGEST_CHAIN]
    if not candidates:
        return SignatureResult("incomplete", detail="X509Certificate")
    first = None
    for certificate in candidates:
        result = _judged(data, position, certificate, sent)
        if result.state != "not_verified":
            return replace(
                result, is_trusted=_leads_to(certificate, carried, trusted, sent) if trusted else None
            )
        first = first or result
    return first or SignatureResult("incomplete")


def _certificates(signature: etree._Element) -> list[x509.Certificate]:
    """Those that the signature carries. Raises ValueError for one that cannot be read."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    found = []
    for element in list(signature.iter(f"{{{DSIG}}}X509Certificate"))[:_LONGEST_CHAIN]:
        packed = re.sub(r"\s+", "", element.text or "")
        if not packed:
            continue
        try:
            found.append(x509.load_der_x509_certificate(base64.b64decode(packed, validate=True)))
        except UnsupportedAlgorithm as error:
            raise ValueError(str(error)) from error
    return found


def _judged(
    data: bytes, position: int, certificate: x509.Certificate, sent: datetime | None
) -> SignatureResult:
    from cryptography.hazmat.primitives import hashes

    try:
        subject = certificate.subject.rfc4514_string()
    except ValueError:
        subject = "?"
    result = SignatureResult(
        "verified",
        subject,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        was_valid=None if sent is None else _is_valid(certificate, sent),
    )
    detail = _holds(data, position, certificate, drop_layout=False)
    if not detail:
        return result
    if not _holds(data, position, certificate, drop_layout=True):
        return replace(result, state="layout_changed")
    return replace(result, state="not_verified", detail=detail)


def _is_valid(certificate: x509.Certificate, moment: datetime) -> bool:
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def _leads_to(
    certificate: x509.Certificate,
    carried: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
    sent: datetime | None,
) -> bool:
    """Whether a certificate is trusted, or a chain of authorities, valid at the time, leads from a trusted one to it."""
    current, seen = certificate, [certificate]
    for _step in range(_LONGEST_CHAIN):
        if current in trusted or any(_issued(ca, current, sent) for ca in trusted):
            return True
        above = next((ca for ca in carried if ca not in seen and _issued(ca, current, sent)), None)
        if above is None:
            return False
        current = above
        seen.append(above)
    return False


def _issued(authority: x509.Certificate, certificate: x509.Certificate, sent: datetime | None) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or (sent is not None and not _is_valid(authority, sent)):
            return False
        certificate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


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
    expected = SignatureConfiguration(location="./", verification_time=certificate.not_valid_before_utc)
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
