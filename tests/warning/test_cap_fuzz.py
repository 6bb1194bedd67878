"""Whatever the bytes: an answer, never a traceback, in bounded time. What is costly is held against a plain message."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cap_samples import make_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anlan.errors import InputError
from anlan.texts import LANGUAGES
from anlan.warning.cap import check, check_document, read, write
from anlan.warning.cap.profiles import PROFILES
from anlan.warning.incoming import read_document, read_message

REFERENCE = Path(__file__).parents[1] / "reference" / "cap"
SEEDS = [path.read_bytes() for path in sorted(REFERENCE.glob("*/*")) if path.stat().st_size < 12_000]
HEAD = b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
CAREFUL = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
NAMES = [
    "alert",
    "identifier",
    "sender",
    "sent",
    "status",
    "msgType",
    "scope",
    "references",
    "info",
    "language",
    "category",
    "event",
    "urgency",
    "severity",
    "certainty",
    "effective",
    "expires",
    "area",
    "areaDesc",
    "polygon",
    "circle",
    "geocode",
    "valueName",
    "value",
    "altitude",
    "ceiling",
    "resource",
    "mimeType",
    "size",
    "derefUri",
    "web",
    "parameter",
    "eventCode",
    "feed",
    "entry",
    "rss",
    "channel",
    "item",
    "link",
    "Signature",
]


def look(data: bytes) -> None:
    """Everything that a stranger's document goes through."""
    found = check_document(data, profiles=PROFILES, issuing=len(data) % 2 == 0)
    assert all(finding.say(language) for finding in found.findings for language in LANGUAGES)
    for message in read_document(data).messages:
        if message.alert is not None:
            try:
                written = write(message.alert)
            except InputError:
                continue
            read_message(written)
    if any(one.severity == "error" for one in check(data)):
        with pytest.raises(InputError):
            read(data)
    else:
        read(data)


@CAREFUL
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    look(data)


@CAREFUL
@given(st.sampled_from(SEEDS), st.data())
def test_any_damage_to_real_documents(seed: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(seed)))
        length = data.draw(st.sampled_from([0, 1, 1, 5, 40, 400]))
        seed = seed[:at] + data.draw(st.binary(max_size=6)) + seed[at + length :]
    look(seed)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "1 2",
        "29.7,113.9 3.5",
        "a,b,2026-07-01T08:00:00+08:00",
        "9" * 5000,
        "-0",
        "Actual",
        "2026-07-01T08:00:00+08:00",
        "http://[",
        "=",
        "urn:oid:",
    ]  # fmt: skip
)


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> str:
    name = draw(st.sampled_from(NAMES)) if depth else "alert"
    version = draw(st.sampled_from(["1.2", "1.2", "1.1"])) if not depth else ""
    space = f' xmlns="urn:oasis:names:tc:emergency:cap:{version}"' if version else ""
    if depth == 4 or draw(st.booleans()) and depth:
        text = draw(TEXTS)
        inner = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    else:
        inner = "".join(draw(st.lists(trees(depth + 1), max_size=8)))
    return f"<{name}{space}>{inner}</{name}>"


@CAREFUL
@given(trees())
def test_any_tree_of_known_names(text: str) -> None:
    look(text.encode())


GOOD = make_bytes().decode()
VALUES = st.sampled_from(
    ["identifier", "sent", "polygon", "circle", "references", "size", "altitude", "web", "expires"]
)


@CAREFUL
@given(VALUES, TEXTS)
def test_any_text_in_the_places_that_are_parsed(name: str, text: str) -> None:
    inner = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    before, _, after = GOOD.partition(f"<{name}>")
    data = before + f"<{name}>{inner}" + after[after.find("<") :] if after else GOOD
    look(data.encode())


def info(inner: bytes) -> bytes:
    return HEAD + b"<info>" + inner + b"</info></alert>"


def area(inner: bytes) -> bytes:
    return info(b"<area><areaDesc>x</areaDesc>" + inner + b"</area>")


def star(points: int) -> bytes:
    pairs = [f"{(i * 7919) % 89}.{i % 977:03d},{(i * 104729) % 179}.{i % 991:03d}" for i in range(points)]
    return " ".join([*pairs, pairs[0]]).encode()


BOMBS: dict[str, Callable[[], bytes]] = {
    "one polygon of five megabytes": lambda: area(b"<polygon>" + b"29.7,113.9 " * 440_000 + b"</polygon>"),
    "one polygon of nonsense": lambda: area(b"<polygon>" + b"9" * 4_900_000 + b"</polygon>"),
    "one number": lambda: area(b"<circle>0,0 " + b"9" * 4_900_000 + b"</circle>"),
    "half a pair for ever": lambda: area(b"<polygon>" + b"1." * 2_400_000 + b"</polygon>"),
    "many polygons that cross": lambda: area((b"<polygon>" + star(1_900) + b"</polygon>") * 150),
    "many small polygons": lambda: area(b"<polygon>1.0,2.0 1.0,3.0 2.0,3.0 1.0,2.0</polygon>" * 49_000),
    "many areas": lambda: info(b"<area><polygon/></area>" * 24_000),
    "many infos": lambda: HEAD + b"<info/>" * 49_000 + b"</alert>",
    "many infos in two languages": lambda: HEAD + b"<info><language>zh</language></info><info/>" * 16_000 + b"</alert>",
    "many references": lambda: HEAD + b"<references>" + b"a,b,2026-07-01T08:00:00+08:00 " * 150_000 + b"</references></alert>",
    "many tokens that are no references": lambda: HEAD + b"<references>" + b"a " * 2_400_000 + b"</references></alert>",
    "one long text": lambda: info(b"<description>" + b"&lt;b" * 900_000 + b"</description>"),
    "blanks": lambda: info(b"<description>" + b" \n" * 2_400_000 + b"</description>"),
    "one long address": lambda: info(b"<web>http://" + b"a" * 4_900_000 + b"</web>"),
    "one long type": lambda: info(b"<resource><mimeType>a/" + b"a;" * 2_400_000 + b"\n</mimeType></resource>"),
    "one long time": lambda: HEAD + b"<sent>" + b"2" * 4_900_000 + b"</sent></alert>",
    "base64": lambda: info(b"<resource><derefUri>" + b"AAAA" * 1_200_000 + b"</derefUri></resource>"),
    "many signatures": lambda: HEAD + b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature>' * 20_000 + b"</alert>",
    "many attributes": lambda: HEAD.replace(b"<alert", b"<alert " + b" ".join(b'a%d="x"' % i for i in range(60_000))) + b"</alert>",
    "many namespaces": lambda: HEAD + b"".join(b'<n%d:x xmlns:n%d="urn:%d"/>' % (i, i, i) for i in range(20_000)) + b"</alert>",
    "deep": lambda: b"<a>" * 700_000,
    "many comments": lambda: HEAD + b"<!--x-->" * 600_000 + b"</alert>",
    "many entries": lambda: b'<feed xmlns="http://www.w3.org/2005/Atom">' + b"<entry/>" * 49_000 + b"</feed>",
    "many messages in a feed": lambda: b"<feeds>" + (HEAD + b"</alert>") * 24_000 + b"</feeds>",
    "many items": lambda: b"<rss><channel>" + b"<item><pubDate>1 1 1</pubDate></item>" * 24_000 + b"</channel></rss>",
    "a laughing billion": lambda: b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">' + b"".join(b'<!ENTITY b%d "%s">' % (i, b"&b%d;" % (i - 1) * 10) for i in range(1, 30)) + b"]><a>&b29;</a>",
}  # fmt: skip


def seconds_of(work: Callable[[], object]) -> float:
    """Processor time, so that other work on this machine does not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


QUICK = {
    "one polygon of five megabytes",
    "many polygons that cross",
    "many tokens that are no references",
    "deep",
    "a laughing billion",
}


@pytest.fixture(scope="module")
def plain() -> float:
    """What a real message of 1.6 MB costs."""
    name = "fpas__noaa-2.49.0.1.840.0.9b5195e635069329b12a7c697fad5934.xml"
    data = (REFERENCE / "invalid" / name).read_bytes()
    return min(seconds_of(lambda: check(data)) for _ in range(2))


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.soak) for name in BOMBS]
)
def test_nothing_of_five_megabytes_takes_long(name: str, plain: float) -> None:
    data = BOMBS[name]()
    # A bomb may cost some times as much as a large message, and not a thousand times.
    assert seconds_of(lambda: check_document(data, issuing=True, profiles=PROFILES)) < 40 * plain
    assert seconds_of(lambda: read_document(data)) < 40 * plain
