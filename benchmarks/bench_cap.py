"""Checking CAP messages: a real one of 1.6 MB and the 61 samples, beside the schema alone (libxml2).

The schema is the part that any validator does; the ratio says what everything else costs. Signing and verifying one message
are told in milliseconds and as a multiple of writing it.

Run: ``python benchmarks/bench_cap.py [--rounds 5]``
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lxml import etree

from anlan.settings import Settings
from anlan.warning.cap import check, read, write
from anlan.warning.cap.profiles import PROFILES
from anlan.warning.cap.safe_xml import parse
from anlan.warning.cap.schema import schema
from anlan.warning.cap.signature import verify_signatures
from anlan.warning.signing import signer_of

REFERENCE = Path(__file__).parents[1] / "tests" / "reference" / "cap"
LARGE = "invalid/fpas__noaa-2.49.0.1.840.0.9b5195e635069329b12a7c697fad5934.xml"


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def alternating(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each, taken in turn so that other work on the machine falls on all."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(milliseconds(work))
    return {name: statistics.median(values) for name, values in taken.items()}


def only_schema(data: bytes) -> bool:
    return bool(schema().validate(etree.fromstring(data)))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    large = (REFERENCE / LARGE).read_bytes()
    valid = [path.read_bytes() for path in sorted((REFERENCE / "valid").iterdir())]
    alert = read(valid[0])
    with tempfile.TemporaryDirectory() as folder:
        signer = signer_of(Settings(data_dir=Path(folder)), datetime.now(UTC) - timedelta(days=1))
    plain = write(alert, indented=False)
    signed = signer.sign(plain)
    works: dict[str, Callable[[], object]] = {
        "1.6 MB: parse": lambda: parse(large),
        "1.6 MB: schema alone": lambda: only_schema(large),
        "1.6 MB: check": lambda: check(large),
        "1.6 MB: check as ours, with every profile": lambda: check(large, issuing=True, profiles=PROFILES),
        "37 valid samples: schema alone": lambda: [only_schema(one) for one in valid],
        "37 valid samples: check": lambda: [check(one) for one in valid],
        "one message: write": lambda: write(alert),
        "one message: sign": lambda: signer.sign(plain),
        "one message: verify": lambda: verify_signatures(signed),
    }
    taken = alternating(works, given.rounds)
    beside = {"1.6 MB": "1.6 MB: schema alone", "37 valid samples": "37 valid samples: schema alone", "one message": "one message: write"}  # fmt: skip
    print("| what | ms | multiple of |\n|---|---|---|")
    for name, value in taken.items():
        base = beside[name.split(":")[0]]
        print(f"| {name} | {value:.1f} | {value / taken[base]:.1f} × {base.split(': ')[1]} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
