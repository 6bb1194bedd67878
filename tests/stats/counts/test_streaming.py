"""Charts that go on where they stopped give what the batch call gives."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.errors import ParameterError
from anlan.stats.counts import Detection, cusum, ewma, glr_nb, glr_poisson, rogerson, streaming

FUNCTIONS: dict[str, Any] = {
    "cusum": cusum, "ewma": ewma, "glr_poisson": glr_poisson, "glr_nb": glr_nb, "rogerson": rogerson,
}  # fmt: skip
CHARTS: list[tuple[str, dict[str, Any]]] = [
    ("cusum", {}),
    ("cusum", {"reset": True, "transform": "standard", "season": True}),
    ("ewma", {}),
    ("ewma", {"season": True, "reset": True, "lam": 0.1}),
    ("glr_poisson", {"theta": 0.5}),
    ("glr_nb", {"theta": 0.4, "trend": True}),
    ("rogerson", {}),
    ("rogerson", {"fast_start": True, "limit": 1.0}),
]
ARRAYS = ("observed", "expected", "upper", "score", "alarm", "reason")


def same(left: Detection, right: Detection) -> None:
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(left, name).astype(float), getattr(right, name).astype(float), rtol=1e-9, atol=1e-9
        )
    for name, values in left.extra.items():
        np.testing.assert_allclose(values, right.extra[name], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(left.times, right.times)


@pytest.mark.parametrize(("method", "parameters"), CHARTS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 30), pieces=st.integers(1, 4))
def test_streaming_equals_batch(
    method: str, parameters: dict[str, Any], seed: int, cut: int, pieces: int
) -> None:
    generator = np.random.default_rng(seed)
    counts = generator.poisson(generator.uniform(0, 6, size=(3, 1)), size=(3, 60 + 40)).astype(float)
    counts[:, 80:86] *= 4
    counts[generator.random(counts.shape) < 0.05] = np.nan
    given_all = {"training": 60, "frequency": 26, **parameters}
    begin = 60 + cut
    state = streaming.begin(method, counts[:, :begin], **given_all)
    for block in np.array_split(np.arange(begin, 100), pieces):
        state, found = streaming.update(pickle.loads(pickle.dumps(state)), counts[:, block])
        same(found, FUNCTIONS[method](counts, evaluate=block, **given_all))


def test_one_period_may_come_as_one_number_a_series() -> None:
    counts = np.random.default_rng(1).poisson(3, size=(4, 70)).astype(float)
    state = streaming.begin("cusum", counts[:, :69], training=50)
    _, found = streaming.update(state, counts[:, 69])
    same(found, cusum(counts, training=50, evaluate=[-1]))


def test_what_cannot_stream_is_refused() -> None:
    with pytest.raises(ParameterError, match="theta must be given for streaming"):
        streaming.begin("glr_poisson", np.ones((1, 200)))
    with pytest.raises(ParameterError, match="counts must be at least the 104 periods"):
        streaming.begin("cusum", np.ones((1, 50)))
    with pytest.raises(ParameterError, match="method must be one of"):
        streaming.begin("bayes1", np.ones((1, 50)))
    state = streaming.begin("cusum", np.ones((2, 120)))
    with pytest.raises(ParameterError, match=r"values must be an array of shape \(2,\)"):
        streaming.update(state, np.ones(3))
