"""Whatever arrives, checking gives findings and never fails: seeded damage to real messages."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from anlan.errors import InputError
from anlan.texts import LANGUAGES
from anlan.warning.cap import check, read

REFERENCE = Path(__file__).parents[1] / "reference" / "cap"
SIGNED = [
    "valid/oasiscap__ipaws-5e6dd9de023f1930ef6548d9.xml",
    "valid/wis2box__cap_example.xml",
    "valid/capparselib__CanadaNaad.xml",
]
OTHERS = [
    "valid/fpas__mo-cap_monsoon.xml",
    "valid/cap-library__australia.xml",
    "invalid/cap-library__xee.xml",
]
INSERTED = [b"", b"-", b"  ", b"x", b"sha256", "\u202e".encode(), b"http://www.w3.org/2001/04/xmlenc#sha256"]


def damaged(data: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 3)):
        kind = draw.choice(["byte", "text", "element"])
        if kind == "byte":
            at = draw.randrange(len(data))
            data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        elif kind == "text":
            found = draw.choice(list(re.finditer(rb'>[^<]+<|"[^"]*"', data)) or [re.search(b"", data)])
            assert found is not None
            data = (
                data[: found.start() + 1]
                + draw.choice(INSERTED)
                + data[max(found.end() - 1, found.start() + 1) :]
            )
        elif leaves := list(re.finditer(rb"<(\w[\w:]*)[^>]*>[^<]*</\1>", data)):
            leaf = draw.choice(leaves)
            data = data[: leaf.start()] + leaf[0] * draw.choice([0, 2]) + data[leaf.end() :]
    return data


@pytest.mark.parametrize("name", [*SIGNED, *OTHERS])
def test_damage_is_reported_and_never_breaks_the_check(name: str) -> None:
    draw = random.Random(name)
    original = (REFERENCE / name).read_bytes()
    for _ in range(60):
        data = damaged(original, draw)
        findings = check(data, issuing=draw.random() < 0.5)
        assert all(finding.say(language) for finding in findings for language in LANGUAGES)
        if any(finding.severity == "error" for finding in check(data)):
            with pytest.raises(InputError):
                read(data)
        else:
            read(data)


def test_schema_error_under_a_prefix_of_its_own_is_reported() -> None:
    data = (REFERENCE / OTHERS[0]).read_bytes()
    inner = b'<scope>Public</scope><z:odd xmlns:z="urn:oasis:names:tc:emergency:cap:1.2"/>'
    findings = check(data.replace(b"<scope>Public</scope>", inner, 1))
    assert [finding.code for finding in findings if finding.severity == "error"] == ["E-XSD"]
    assert findings[0].path == "odd"


@pytest.mark.parametrize(
    "inner",
    [
        b"<info><area><areaDesc/>" + b"<polygon/>" * 40_000 + b"</area></info>",
        b"<info/>" * 40_000,
        b"<odd/>" * 40_000,
        b"<info>" + b"<category>Bad</category>" * 40_000 + b"</info>",
    ],
    ids=["polygons", "infos", "strangers", "words"],
)
def test_many_of_the_same_are_counted_and_do_not_take_for_ever(inner: bytes) -> None:
    data = b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">' + inner + b"</alert>"
    started = time.process_time()
    findings = check(data)
    assert time.process_time() - started < 20
    assert len(findings) < 500
    assert any(finding.rule == "MORE" for finding in findings) or len(findings) < 50
