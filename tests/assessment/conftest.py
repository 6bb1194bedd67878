"""What the tests of assessment share: facts of a signal, people, and everything in scope."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from anlan.assessment import SignalFacts
from anlan.store import Actor, Scope, new_public_id

CITY = "CN/420000/421200/"


@pytest.fixture
def everything() -> Scope:
    return Scope.everything("test")


@pytest.fixture
def officer() -> Actor:
    return Actor("person", "p-officer", "值班员甲")


@pytest.fixture
def analyst() -> Actor:
    return Actor("person", "p-analyst", "Analyst B")


@pytest.fixture
def make_facts() -> Callable[..., SignalFacts]:
    def make(
        number: int = 1, *, area: str = "421281", domain: str = "infectious_disease", sensitivity: int = 1
    ) -> SignalFacts:
        return SignalFacts(
            signal_id=new_public_id(),
            kind="detector",
            number=f"2026-{number:04d}",
            level_hint="yellow",
            raised_at=datetime(2026, 7, 1, tzinfo=UTC) + timedelta(hours=number),
            area_code=area,
            area_path=f"{CITY}{area}/",
            domain=domain,
            sensitivity=sensitivity,
        )

    return make
