"""Screening: the alarms of every method, whatever path finds them, and the errors of the method itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from anlan.errors import ParameterError
from anlan.stats.counts import METHODS, Alarms, alarms, alarms_only, ears_c1, engine


def make_counts(n_series: int = 12, n_times: int = 120) -> NDArray[np.int64]:
    generator = np.random.default_rng(4)
    counts = generator.poisson(generator.uniform(0.5, 9.0, (n_series, 1)), (n_series, n_times))
    counts[::3, -6:] += 9
    return counts


def test_the_places_by_hand() -> None:
    found = alarms_only("ears_c1", [[0, 1, 0, 2, 1, 0, 1, 9], [1, 1, 0, 2, 1, 0, 1, 1]])

    assert found.shape == (2, 8)
    assert (found.series.tolist(), found.times.tolist()) == ([0], [7])
    assert np.argwhere(found.flags()).tolist() == [[0, 7]]
    assert alarms_only("ears_c1", [0, 1, 0, 2, 1, 0, 1, 9]).shape == (1, 8)


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("ears_c3", {"variant": "surveillance-1.20"}),
        ("cusum", {"training": 40}),
        ("ewma", {"mean": np.full((12, 1), 4.0)}),
        ("limit", {"limit": 12.0, "evaluate": [-1, 5, 5, 100]}),
        ("rki1", {"evaluate": slice(60, None)}),
        ("farrington_original", {"frequency": 12, "b": 2, "w": 2, "population": np.full((12, 120), 1e5)}),
    ],
)  # fmt: skip
def test_any_method_in_blocks(method: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "_VALUES", 300)
    counts = make_counts()
    found = alarms_only(method, counts, **given)
    whole = METHODS[method].run(counts, **given)

    flags = np.zeros(counts.shape, dtype=bool)
    flags[:, whole.times] = whole.alarm
    assert np.array_equal(found.flags(), flags)
    assert len(found.series) == flags.sum() > 0
    assert (np.diff(found.series * 120 + found.times) > 0).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, -1.0] * 9], "counts must be finite numbers >= 0"),
        ([[1.0, np.inf] * 9], "counts must be finite numbers >= 0"),
        ([["a"] * 9], "counts must be an array of numbers"),
        (np.ones((2, 3, 4)), "counts must be an array of shape"),
    ],
)
@pytest.mark.parametrize("path", ["plain", "compiled"])
@pytest.mark.parametrize("method", ["ears_c1", "cusum", "outbreakp"])
def test_bad_values_are_named_on_both_paths(values: Any, message: str, path: Any, method: str) -> None:
    if path == "compiled":
        pytest.importorskip("numba")
    given: dict[str, Any] = {"mean": 2.0} if method == "cusum" else {}
    with engine(path), pytest.raises(ParameterError, match=message):
        alarms_only(method, values, **given)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ParameterError, match="method must be one of"):
        alarms_only("ears_c9", [1.0])
    with pytest.raises(ParameterError, match="has no parameter 'alfa'"):
        alarms_only("ears_c1", [1.0], alfa=0.1)
    with pytest.raises(ParameterError, match="evaluate must be"):
        alarms_only("ears_c1", np.ones(20), evaluate=[20])
    pytest.importorskip("numba")
    with engine("compiled"):
        with pytest.raises(ParameterError, match="baseline must be"):
            alarms_only("ears_c1", np.ones(20), baseline=2)
        with pytest.raises(ParameterError, match="training must be"):
            alarms_only("cusum", np.ones(20), training=1)
        with pytest.raises(ParameterError, match="evaluate must be"):
            alarms_only("ears_c1", np.ones(20), evaluate=[20])


@pytest.mark.parametrize("shape", [(0, 20), (3, 0), (3, 5), (0, 0)])
@pytest.mark.parametrize("path", ["plain", "compiled"])
def test_nothing_to_look_at(shape: tuple[int, int], path: Any) -> None:
    if path == "compiled":
        pytest.importorskip("numba")
    with engine(path):
        for method in ("ears_c1", "ears_c3", "cusum", "outbreakp"):
            given: dict[str, Any] = {"mean": 1.0} if method == "cusum" else {}
            found = alarms_only(method, np.ones(shape), **given)
            assert isinstance(found, Alarms)
            assert (found.shape, len(found.series)) == (shape, 0)


def test_strided_read_only_and_unusual_types_are_taken() -> None:
    pytest.importorskip("numba")
    counts = make_counts()
    expected = ears_c1(counts).alarm
    frozen = counts.astype(np.float64)
    frozen.flags.writeable = False
    with engine("compiled"):
        for given in (np.asfortranarray(counts), counts.astype(">i4"), counts.astype(object), frozen):
            assert np.array_equal(alarms_only("ears_c1", given).flags(), expected)
        chosen = alarms_only("ears_c1", counts, evaluate=[-1, -3, -3])
    assert set(chosen.times.tolist()) <= {117, 119}
    assert np.array_equal(chosen.flags()[:, [117, 119]], expected[:, [117, 119]])
