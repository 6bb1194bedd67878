"""Fixtures of the flows: a furnished node (``flow_world``)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from anlan.store import Node

sys.path.insert(0, str(Path(__file__).parent))

from flow_world import Chain, make_chain


@pytest.fixture
def chain(node: Node) -> Chain:
    return make_chain(node)
