"""Feeding period by period gives what the batch call gives, for every method that streams."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anlan.errors import ParameterError
from anlan.stats.counts import METHODS, Detection, streaming
from anlan.stats.counts._recent import WINDOWED, Recent

FloatArray = NDArray[np.float64]
ARRAYS = ("observed", "expected", "upper", "score", "p_value", "alarm", "reason")
CASES: dict[str, dict[str, Any]] = {
    "ears_c1": {},
    "ears_c2": {"min_reported": 4, "min_sigma": 0.5},
    "ears_c3": {},
    "farrington_flexible": {"b": 3},
    "farrington_original": {"b": 2},
    "bayes": {},
    "rki": {},
    "cdc": {},
    "limit": {"limit": 12.0, "duration": 2, "hysteresis": 3.0},
}


def make_counts(n_series: int, n_times: int, seed: int) -> FloatArray:
    generator = np.random.default_rng(seed)
    mean = generator.uniform(0.3, 20, (n_series, 1)) * (1 + 0.5 * np.sin(np.arange(n_times) / 8.3))
    counts = generator.negative_binomial(2, 2 / (2 + mean)).astype(np.float64)
    counts[generator.random(counts.shape) < 0.02] = np.nan
    return counts


def equal(streamed: list[Detection], batch: Detection) -> None:
    assert np.concatenate([found.times for found in streamed]).tolist() == batch.times.tolist()
    columns: dict[str, NDArray[Any]] = {name: getattr(batch, name) for name in ARRAYS}
    # Which path ran may differ between few values and many.
    extra = {name: values for name, values in batch.extra.items() if name != "compiled"}
    for name, expected in (columns | extra).items():
        parts = [getattr(found, name) if name in ARRAYS else found.extra[name] for found in streamed]
        ours = np.concatenate(parts, axis=1)
        np.testing.assert_allclose(
            ours.astype(float), expected.astype(float), rtol=1e-9, atol=1e-12, err_msg=name
        )


def stream(
    method: str, counts: FloatArray, cuts: list[int], dates: Any = None, **parameters: Any
) -> list[Detection]:
    first = cuts[0]
    given = parameters if dates is None else {**parameters, "dates": dates[:first]}
    state = streaming.begin(method, counts[:, :first], **given)
    found = []
    for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
        values = counts[:, start] if stop == start + 1 else counts[:, start:stop]
        state, part = streaming.update(pickle.loads(pickle.dumps(state)), values)
        found.append(part)
    return found


def there(method: str) -> str:
    if method not in METHODS:
        pytest.skip(f"{method} is not in the table of methods")
    return method


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    first=st.integers(0, 40),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5),
)
@pytest.mark.parametrize("method", CASES)
def test_streaming_equals_batch(method: str, seed: int, first: int, sizes: list[int]) -> None:
    there(method)
    # Long enough to decide at the end, and begun both before and after the method has its history.
    history = 0 if method == "limit" else METHODS[method].history_needed("week", **CASES[method])
    begin = max(history - 20 + first, 0)
    cuts = np.cumsum([begin, *sizes]).tolist()
    counts = make_counts(3, cuts[-1], seed)
    streamed = stream(method, counts, cuts, **CASES[method])

    chosen = list(range(cuts[0], cuts[-1]))
    equal(streamed, METHODS[method].run(counts, evaluate=chosen, **CASES[method]))


@pytest.mark.parametrize("step", ["week", "month"])
def test_dates_go_on_by_themselves(step: str) -> None:
    n_times = 330 if step == "week" else 76
    counts = make_counts(4, n_times, 3)
    # Across 2020, a year of 53 weeks, and a leap day.
    first = np.datetime64("2015-09-07") if step == "week" else np.datetime64("2015-11")
    dates = (
        first + 7 * np.arange(n_times)
        if step == "week"
        else (first + np.arange(n_times)).astype("datetime64[D]")
    )
    cuts = [n_times - 9, n_times - 8, n_times - 3, n_times]
    streamed = stream("farrington_flexible", counts, cuts, dates)

    batch = METHODS["farrington_flexible"].run(counts, dates=dates, evaluate=slice(n_times - 9, None))
    equal(streamed, batch)
    assert (batch.reason == 0).any()


def test_a_population_goes_on_too() -> None:
    counts = make_counts(3, 280, 4)
    people = 1e5 * (1 + np.arange(280) / 500) * np.ones((3, 1))
    state = streaming.begin("farrington_flexible", counts[:, :279], population=people[:, :279])
    _, found = streaming.update(state, counts[:, 279], population=people[:, 279])

    equal([found], METHODS["farrington_flexible"].run(counts, population=people, evaluate=[279]))
    with pytest.raises(ParameterError, match="population must be given"):
        streaming.update(state, counts[:, 279])


def test_the_state_keeps_no_more_than_the_method_looks_back() -> None:
    counts = make_counts(2, 1000, 5)
    state = streaming.begin("ears_c2", counts)
    for _ in range(3):
        state, _ = streaming.update(state, counts[:, :7])

    assert isinstance(state, Recent)
    assert state.values.shape == (2, 9)
    assert state.position == 1021


def test_an_update_leaves_the_state_as_it_was() -> None:
    counts = make_counts(2, 60, 6)
    state = streaming.begin("limit", counts, limit=5.0)
    before = pickle.dumps(state)
    streaming.update(state, np.array([50.0, 50.0]))

    assert pickle.dumps(state) == before


@pytest.mark.parametrize(
    ("method", "parameters", "values", "said"),
    [
        ("none", {}, [1.0, 2.0], "method must be one of"),
        ("ears_c1", {"baseline": 2}, [1.0, 2.0], "baseline must be"),
        ("ears_c1", {}, [1.0, 2.0, 3.0], "values must be"),
        ("ears_c1", {}, [1.0, -2.0], "values must be"),
        ("limit", {"limit": "high"}, [1.0, 2.0], "limit must be"),
    ],
)
def test_wrong_input_is_named(
    method: str, parameters: dict[str, Any], values: list[float], said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        streaming.update(streaming.begin(method, make_counts(2, 30, 7), **parameters), np.array(values))


def test_every_method_with_windows_is_among_the_cases() -> None:
    assert set(WINDOWED) <= set(CASES)
