"""The tutorial on China's monthly figures says what the code says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("china_2010_2025", ROOT / "tools" / "china_2010_2025.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look for their module by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_page_is_what_the_script_writes() -> None:
    text: str = script().page()
    assert (ROOT / "docs" / "howto" / "china-2010-2025.md").read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_the_events_are_in_the_data_and_some_are_missed() -> None:
    module = script()
    one = module.study()
    assert {event.disease for event in module.EVENTS} <= set(one.names)
    _, missed = module.events(one)
    assert 0 < len(missed) < len(module.EVENTS)
    # What the desk is shown is close to what it asked for.
    limited = one.budget.obtained[~np.isnan(one.budget.limit)]
    assert 0.7 <= limited.mean() / module.A_MONTH <= 1.4
