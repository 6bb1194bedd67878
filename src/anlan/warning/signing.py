"""Sign our messages (XML-DSig), and keep the key and the certificate that this takes.

A node signs with the key and certificate of the settings; without these it makes its own on first use, self-signed, in the
folder ``keys`` of its data. The signature is made at release and the bytes are frozen with it: the certificate travels in the
message, so that no later change of keys touches anything that was sent.

Whoever wants to be sure that a message is ours needs our certificate by another way (``anlan cap certificate``).

The signed form has no blanks between elements, which WMO's verifier drops before it looks. ``Signer`` is all that the release
needs, so that another kind of signature can take its place where the law asks for one.

Sources: W3C XML Signature 1.1, Exclusive XML Canonicalization 1.0; OASIS CAP-v1.2 section 3.3.4.1; RFC 5280.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from anlan.errors import ConfigurationError, InputError, IntegrityError
from anlan.settings import Settings
from anlan.warning.cap._rules_alert import DSIG
from anlan.warning.cap.safe_xml import parse
from anlan.warning.cap.signature import verify_signatures

__all__ = ["Signer", "XmlSigner", "load_certificates", "signer_of"]

EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
VALID_FOR = timedelta(days=5 * 365)
_RENEWED_BEFORE = timedelta(days=30)
_START_BEFORE = timedelta(days=1)
_NAME_LENGTH = 64  # upper bound of a common name, RFC 5280 appendix A
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Signer(Protocol):
    """Something that signs a message."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in hexadecimal."""

    def sign(self, data: bytes) -> bytes:
        """The same message with a signature as its last element."""


@dataclass(frozen=True)
class XmlSigner:
    """Signs with ECDSA or RSA and SHA-256, enveloped, exclusive canonicalisation; the certificates go along."""

    key: PrivateKey
    certificates: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        return self.certificates[0]

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def pem(self) -> bytes:
        """The certificate for those who want to verify."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, data: bytes) -> bytes:
        """Put a signature before the end of the outermost element and change nothing else.

        Raises
        ------
        InputError
            If the message is no XML, or is signed already.
        IntegrityError
            If the key cannot sign, or the result does not verify: nothing that does not may leave the house.
        """
        from signxml.algorithms import CanonicalizationMethod
        from signxml.exceptions import SignXMLException
        from signxml.signer import XMLSigner

        root = parse(data, keep_layout=True)
        if root.find(f"{{{DSIG}}}Signature") is not None:
            raise InputError("the message is signed already", key="warning.signed_already")
        algorithm = "ecdsa-sha256" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "rsa-sha256"
        signer = XMLSigner(
            signature_algorithm=algorithm,
            digest_algorithm="sha256",
            c14n_algorithm=CanonicalizationMethod(EXCLUSIVE_C14N),
        )
        try:
            written = etree.tostring(signer.sign(root, key=self.key, cert=list(self.certificates)))
        except (SignXMLException, UnsupportedAlgorithm, ValueError, TypeError) as error:
            raise IntegrityError(
                f"the message cannot be signed with this key: {error}", key="warning.signing_failed"
            ) from error
        signature = written[written.index(b"<ds:Signature") : written.rindex(b"</ds:Signature>")]
        end = data.rindex(b"</")
        signed = data[:end] + signature + b"</ds:Signature>" + data[end:]
        (result,) = verify_signatures(signed)
        if result.state != "verified":
            raise IntegrityError(
                f"the signature that was just made does not hold: {result.detail}",
                key="warning.signing_failed",
            )
        return signed


def signer_of(settings: Settings, moment: datetime) -> XmlSigner:
    """The signer of this node for a message sent at a moment.

    With the settings ``cap_key`` and ``cap_certificate`` these are used; without, the newest of the node's own that is
    valid then, and a new one is made where there is none (or where it ends within a month).

    Raises
    ------
    ConfigurationError
        A file that cannot be read, is of another kind, a key that does not fit the certificate, or a folder that cannot be
        written.
    """
    if settings.cap_key or settings.cap_certificate:
        return _configured(settings)
    folder = Path(settings.data_dir) / "keys"
    usable = []
    for path in sorted(folder.glob("cap-*.pem")):
        found = _loaded(path, path)
        ends = found.certificate.not_valid_after_utc - _RENEWED_BEFORE
        if found.certificate.not_valid_before_utc <= moment <= ends:
            usable.append(found)
    if usable:
        return max(usable, key=lambda one: (one.certificate.not_valid_before_utc, one.fingerprint))
    try:
        return _made(folder, settings, moment)
    except OSError as error:
        raise _unusable(folder, str(error)) from error


def load_certificates(paths: Sequence[Path]) -> list[x509.Certificate]:
    """Certificates from PEM or DER files.

    Raises
    ------
    ConfigurationError
        For the first that cannot be read.
    """
    found: list[x509.Certificate] = []
    for path in paths:
        try:
            data = path.read_bytes()
            if b"-----BEGIN" in data:
                found += x509.load_pem_x509_certificates(data)
            else:
                found.append(x509.load_der_x509_certificate(data))
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise _unusable(path, str(error)) from error
    return found


def _configured(settings: Settings) -> XmlSigner:
    if not (settings.cap_key and settings.cap_certificate):
        raise ConfigurationError(
            "cap_key and cap_certificate must be given together", key="warning.signing_half"
        )
    return _loaded(Path(settings.cap_key), Path(settings.cap_certificate))


def _loaded(key_path: Path, certificate_path: Path) -> XmlSigner:
    certificates = load_certificates([certificate_path])
    try:
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(key_path, str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise _unusable(key_path, "accepted are EC and RSA keys")
    if not certificates or certificates[0].public_key() != key.public_key():
        raise _unusable(certificate_path, f"the first certificate does not belong to the key {key_path}")
    return XmlSigner(key, tuple(certificates))


def _made(folder: Path, settings: Settings, moment: datetime) -> XmlSigner:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, (settings.cap_sender_name or "anlan")[:_NAME_LENGTH]),
            x509.NameAttribute(
                NameOID.ORGANIZATIONAL_UNIT_NAME, (settings.cap_sender or "anlan")[:_NAME_LENGTH]
            ),
        ]
    )
    usage = dict.fromkeys(
        (
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - _START_BEFORE)
        .not_valid_after(moment + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, content_commitment=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = XmlSigner(key, (certificate,))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_secret(folder / f"cap-{made.fingerprint[:16]}.pem", private + made.pem)
    return made


def _write_secret(path: Path, data: bytes) -> None:
    """One file, all or nothing: a crash leaves no key without its certificate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _unusable(path: Path, reason: str) -> ConfigurationError:
    values = {"file": str(path), "reason": reason}
    return ConfigurationError(
        f"{path} cannot be used for signing: {reason}", key="warning.signing_file", values=values
    )
