"""Fixtures of the flows: a furnished node (``flow_world``)."""

from __future__ import annotations

import pytest
from flow_world import Chain, make_chain

from anlan.store import Node


@pytest.fixture
def chain(node: Node) -> Chain:
    return make_chain(node)
