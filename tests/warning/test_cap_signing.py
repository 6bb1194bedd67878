"""Our signature: made with a key of the node or of the settings, checked by hand, and frozen with the message."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cap_samples import SENT, make_alert, make_info
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID
from lxml import etree
from warning_worlds import ALL, SETTINGS, drafted, furnish, released

from anlan.errors import ConfigurationError, InputError
from anlan.settings import Settings
from anlan.store import FixedClock, World, verify
from anlan.warning import check_message, queries, tables
from anlan.warning.cap import Alert, check, read, write
from anlan.warning.cap.schema import schema
from anlan.warning.cap.signature import SignatureResult, verify_signatures
from anlan.warning.signing import XmlSigner, load_certificates, signer_of
from anlan.warning.types import HazardWarning, Message

DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
YEAR = timedelta(days=365)


def make_signer(
    *,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    start: datetime = SENT - YEAR,
    end: datetime = SENT + YEAR,
    issuer: XmlSigner | None = None,
    is_authority: bool = False,
    name: str = "city.example",
) -> XmlSigner:
    made = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(made.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(issuer.key if issuer else made, hashes.SHA256())
    )
    return XmlSigner(made, (certificate,) if issuer is None else (certificate, *issuer.certificates))


SIGNER = make_signer()
PLAIN = write(make_alert(), indented=False)
SIGNED = SIGNER.sign(PLAIN)


def result_of(data: bytes, *trusted: x509.Certificate) -> SignatureResult:
    (found,) = verify_signatures(data, trusted=trusted)
    return found


def codes(data: bytes, *trusted: x509.Certificate) -> set[tuple[str, str]]:
    return {(one.code, one.variant) for one in check(data, trusted=trusted) if one.rule == "SIG"}


def test_only_a_signature_is_added() -> None:
    begin, end = SIGNED.index(b"<ds:Signature"), SIGNED.index(b"</ds:Signature>") + len(b"</ds:Signature>")
    assert SIGNED[:begin] + SIGNED[end:] == PLAIN
    assert SIGNED[end:] == b"</alert>\n"
    assert read(SIGNED) == make_alert()
    assert check(SIGNED, issuing=True) == []
    schema().assertValid(etree.fromstring(SIGNED))
    with pytest.raises(InputError, match="signed already"):
        SIGNER.sign(SIGNED)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_signature_holds_when_computed_by_hand(kind: str) -> None:
    """Digest and signature without the signing library: canonical form by lxml, numbers by cryptography."""
    signer = SIGNER
    if kind == "rsa":
        signer = make_signer(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    root = etree.fromstring(signer.sign(PLAIN))
    signature = root[-1]
    assert signature.tag == f"{DSIG}Signature"
    info = signature.find(f"{DSIG}SignedInfo")
    assert info is not None
    reference = info.find(f"{DSIG}Reference")
    assert reference is not None
    assert reference.get("URI") == ""
    transforms = [item.get("Algorithm") for item in reference.iter(f"{DSIG}Transform")]
    assert transforms == [
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
    ]
    signed_info = etree.tostring(info, method="c14n", exclusive=True, with_comments=False)
    value = base64.b64decode(signature.findtext(f"{DSIG}SignatureValue") or "")
    root.remove(signature)
    digest = hashlib.sha256(etree.tostring(root, method="c14n", exclusive=True, with_comments=False)).digest()
    assert base64.b64decode(reference.findtext(f"{DSIG}DigestValue") or "") == digest
    public = signer.key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        public.verify(value, signed_info, PKCS1v15(), hashes.SHA256())
    else:
        r, s = (int.from_bytes(part, "big") for part in (value[:32], value[32:]))
        public.verify(encode_dss_signature(r, s), signed_info, ec.ECDSA(hashes.SHA256()))


def test_signed_message_verifies() -> None:
    found = result_of(SIGNED)
    assert (found.state, found.subject, found.was_valid) == ("verified", "CN=city.example", True)
    assert found.fingerprint == SIGNER.fingerprint
    assert codes(SIGNED) == {("W-SIG", "verified")}


def test_any_changed_character_is_seen() -> None:
    """Each text of the message in turn: its last character becomes another."""
    texts = list(re.finditer(rb">([^<]+)</(?!ds:)", SIGNED))
    assert len(texts) > 50
    for match in texts:
        last = match.end(1) - 1
        changed = SIGNED[:last] + (b"1" if SIGNED[last : last + 1] != b"1" else b"2") + SIGNED[last + 1 :]
        try:
            changed.decode()
        except UnicodeDecodeError:
            continue  # half a letter is no XML
        assert result_of(changed).state == "not_verified"


def test_moved_and_added_elements_are_seen() -> None:
    assert result_of(SIGNED.replace(b"</info>", b"<contact>1</contact></info>", 1)).state == "not_verified"
    assert result_of(SIGNED.replace(b"<scope>Public</scope>", b"", 1)).state == "not_verified"


def test_another_layout_is_told_from_another_content() -> None:
    root = etree.fromstring(SIGNED)
    etree.indent(root)
    indented = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    assert indented != SIGNED
    assert result_of(indented).state == "layout_changed"
    assert codes(indented) == {("W-SIG", "layout_changed")}
    both = indented.replace("赤壁市".encode(), "赤壁县".encode(), 1)
    assert result_of(both).state == "not_verified"


def test_a_byte_order_mark_or_another_line_end_after_the_root_changes_nothing() -> None:
    assert result_of(b"\xef\xbb\xbf" + SIGNED).state == "verified"
    assert result_of(SIGNED + b"\n\n").state == "verified"
    # Line ends inside a text are normalised by every XML reader before anything is signed or verified.
    text = write(make_alert(infos=(replace(make_info(), description="a\nb"),)), indented=False)
    signed = SIGNER.sign(text)
    assert result_of(signed.replace(b"a\nb", b"a\r\nb")).state == "verified"


def test_wrong_certificate() -> None:
    stranger = make_signer(name="elsewhere.example")
    assert codes(SIGNED, SIGNER.certificate) == {("W-SIG", "verified")}
    assert result_of(SIGNED, SIGNER.certificate).is_trusted is True
    assert codes(SIGNED, stranger.certificate) == {("E-SIG", "stranger"), ("W-SIG", "verified")}
    # The same name does not make it the same certificate.
    namesake = make_signer()
    assert result_of(SIGNED, namesake.certificate).is_trusted is False
    # Another certificate inside the message than that of the key which signed.
    packed = base64.b64encode(stranger.certificate.public_bytes(serialization.Encoding.DER))
    swapped = re.sub(rb"(<ds:X509Certificate>)[^<]*", lambda match: match[1] + packed, SIGNED)
    assert result_of(swapped).state == "not_verified"
    assert ("E-SIG", "not_verified") in codes(swapped, stranger.certificate)


def test_unsigned_message_where_signatures_are_asked_for() -> None:
    assert codes(PLAIN) == set()
    assert codes(PLAIN, SIGNER.certificate) == {("E-SIG", "unsigned")}


def test_expired_certificate_with_sent_inside_its_time() -> None:
    """Certificates run out; what was sent while they were valid stays verified (this one ended in 2026)."""
    past = make_signer(start=SENT - YEAR, end=SENT + timedelta(hours=1))
    found = result_of(past.sign(PLAIN))
    assert (found.state, found.was_valid) == ("verified", True)
    assert codes(past.sign(PLAIN), past.certificate) == {("W-SIG", "verified")}


@pytest.mark.parametrize("days", [(-730, -365), (1, 365)])
def test_message_sent_outside_the_time_of_its_certificate(days: tuple[int, int]) -> None:
    signer = make_signer(start=SENT + timedelta(days=days[0]), end=SENT + timedelta(days=days[1]))
    signed = signer.sign(PLAIN)
    assert result_of(signed).was_valid is False
    assert codes(signed) == {("W-SIG", "dates"), ("W-SIG", "verified")}
    assert ("E-SIG", "dates") in codes(signed, signer.certificate)


def test_an_authority_answers_for_the_certificates_it_issued() -> None:
    authority = make_signer(is_authority=True, name="authority")
    between = make_signer(issuer=authority, is_authority=True, name="between")
    leaf = make_signer(issuer=between)
    signed = leaf.sign(PLAIN)
    assert result_of(signed, authority.certificate).is_trusted is True
    assert result_of(signed, between.certificate).is_trusted is True
    assert result_of(signed, make_signer(is_authority=True, name="authority").certificate).is_trusted is False
    # A certificate that is no authority issues nothing, whatever it has signed.
    pretender = make_signer(issuer=make_signer(name="plain"))
    assert result_of(pretender.sign(PLAIN), pretender.certificates[1]).is_trusted is False
    # Nor does one that had run out when the message was sent.
    late = make_signer(is_authority=True, end=SENT - timedelta(days=1))
    assert result_of(make_signer(issuer=late).sign(PLAIN), late.certificate).is_trusted is False


def test_two_signatures_are_verified_each() -> None:
    other = make_signer(name="second.example")
    begin, end = SIGNED.index(b"<ds:Signature"), SIGNED.index(b"</ds:Signature>") + 15
    first = SIGNED[begin:end]
    second = other.sign(PLAIN)
    both = second.replace(b"</alert>", first + b"</alert>")
    found = verify_signatures(both)
    assert [(one.state, one.subject) for one in found] == [
        ("verified", "CN=second.example"),
        ("verified", "CN=city.example"),
    ]


# --- keys ---------------------------------------------------------------------------------------------------------


def test_key_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, cap_sender_name="咸宁市应急管理局", cap_sender="42120041600000")
    first = signer_of(settings, SENT)
    (path,) = (tmp_path / "keys").glob("*")
    assert path.stat().st_mode & 0o777 == 0o600
    assert signer_of(settings, SENT + YEAR).fingerprint == first.fingerprint
    assert "咸宁市应急管理局" in first.certificate.subject.rfc4514_string()
    assert first.certificate.not_valid_before_utc < SENT < first.certificate.not_valid_after_utc
    assert load_certificates([path]) == [first.certificate]


def test_key_is_renewed_before_it_runs_out_and_old_ones_stay(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = signer_of(settings, SENT)
    late = first.certificate.not_valid_after_utc - timedelta(days=10)
    second = signer_of(settings, late)
    assert second.fingerprint != first.fingerprint
    assert signer_of(settings, late).fingerprint == second.fingerprint
    # An exercise may stand in another year.
    assert signer_of(settings, SENT).fingerprint == first.fingerprint
    assert signer_of(settings, SENT - 10 * YEAR).certificate.not_valid_after_utc < SENT
    assert len(list((tmp_path / "keys").glob("*.pem"))) == 3


def configured(folder: Path, signer: XmlSigner) -> Settings:
    key, certificate = folder / "own.key", folder / "own.pem"
    key.write_bytes(
        signer.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in signer.certificates))
    return replace(SETTINGS, data_dir=folder, cap_key=str(key), cap_certificate=str(certificate))


def test_own_key_and_certificate_are_used(tmp_path: Path) -> None:
    authority = make_signer(is_authority=True, name="authority")
    leaf = make_signer(issuer=authority)
    signer = signer_of(configured(tmp_path, leaf), SENT)
    assert signer.fingerprint == leaf.fingerprint
    assert result_of(signer.sign(PLAIN), authority.certificate).is_trusted is True
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "own.key").unlink(), "own.key cannot be used"),
        (lambda folder: (folder / "own.pem").write_bytes(b"x"), "own.pem cannot be used"),
        (lambda folder: (folder / "own.key").write_bytes(b"x"), "own.key cannot be used"),
        (lambda folder: (folder / "own.pem").write_bytes(make_signer().pem), "does not belong to the key"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, spoil: object, says: str) -> None:
    settings = configured(tmp_path, SIGNER)
    spoil(tmp_path)  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match=says):
        signer_of(settings, SENT)
    with pytest.raises(ConfigurationError, match="together"):
        signer_of(replace(settings, cap_key=""), SENT)


# --- release ------------------------------------------------------------------------------------------------------


@pytest.fixture
def drill(exercise: World) -> World:
    return furnish(exercise)


def message_of(world: World, step: HazardWarning) -> Message:
    with world.read() as connection:
        return queries.message(connection, ALL, world.as_of(), step.message_identifier or "")


def kinds(world: World) -> set[str]:
    return {finding.kind for finding in verify(world, deep=True, deep_checks=[check_message])}


def test_released_message_is_signed_and_verified_with_the_journal(drill: World) -> None:
    found = message_of(drill, released(drill, drafted(drill)))
    result = result_of(found.cap_bytes)
    assert (result.state, result.was_valid) == ("verified", True)
    assert [one for one in check(found.cap_bytes, issuing=True) if one.severity == "error"] == []
    alert: Alert = read(found.cap_bytes)
    assert write(alert, indented=False)[:-9] == found.cap_bytes[: found.cap_bytes.index(b"<ds:Signature")]
    assert kinds(drill) == set()


def test_later_keys_touch_nothing_that_was_sent(drill: World, clock: FixedClock, tmp_path: Path) -> None:
    first = message_of(drill, released(drill, drafted(drill), settings=configured(tmp_path, make_signer())))
    clock.advance(timedelta(minutes=1))
    for path in tmp_path.glob("own.*"):
        path.unlink()
    other = make_signer(name="next.example")
    second = message_of(drill, released(drill, drafted(drill), settings=configured(tmp_path, other)))
    assert message_of(drill, released(drill, drafted(drill))).cap_bytes != first.cap_bytes
    with drill.read() as connection:
        kept = queries.message(connection, ALL, drill.as_of(), first.identifier)
    assert kept.cap_bytes == first.cap_bytes
    assert result_of(first.cap_bytes).subject == "CN=city.example"
    assert result_of(second.cap_bytes).subject == "CN=next.example"
    assert kinds(drill) == set()


def test_a_key_that_fails_holds_no_warning_back_and_is_told(drill: World, tmp_path: Path) -> None:
    settings = configured(tmp_path, make_signer())
    (tmp_path / "own.key").unlink()
    step = released(drill, drafted(drill), settings=settings)
    assert step.state == "in_force"
    found = message_of(drill, step)
    assert b"Signature" not in found.cap_bytes
    assert [one for one in check(found.cap_bytes, issuing=True) if one.severity == "error"] == []
    (finding,) = verify(drill, deep=True, deep_checks=[check_message])
    assert finding.kind == "unsigned"
    assert "own.key" in finding.message


def test_a_signer_that_breaks_holds_no_warning_back(drill: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_given: object, **_named: object) -> None:
        raise ValueError("no")

    step = drafted(drill)
    monkeypatch.setattr("signxml.signer.XMLSigner.sign", breaks)
    assert b"Signature" not in message_of(drill, released(drill, step)).cap_bytes
    assert kinds(drill) == {"unsigned"}


def test_bytes_signed_by_somebody_else_are_found(drill: World) -> None:
    step = released(drill, drafted(drill))
    found = message_of(drill, step)
    begin, end = found.cap_bytes.index(b"<ds:Signature"), found.cap_bytes.index(b"</alert>")
    forged = SIGNER.sign(found.cap_bytes[:begin] + found.cap_bytes[end:])
    digest = hashlib.sha256(forged).hexdigest()
    table = tables.message
    with drill.stage() as connection:
        connection.execute(sa.update(table).values(cap_bytes=forged, sha256=digest))
    assert "message" in kinds(drill)
