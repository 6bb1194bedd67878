"""Short years and short trainings, so that every method decides within some eighty periods."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anlan.stats.counts import METHODS, Detection

FloatArray = NDArray[np.float64]
ARRAYS = ("observed", "expected", "upper", "score", "p_value", "alarm", "reason")

_CHART: dict[str, Any] = {"training": 26, "frequency": 13}
_MEM: dict[str, Any] = {
    "frequency": 20, "season_start": 5, "season_end": 20, "min_seasons": 2, "seasons": 2, "interval": "mean",
}  # fmt: skip

#: Parameters of each method, in the variants that walk through time differently.
CASES: dict[str, list[dict[str, Any]]] = {
    "farrington_flexible": [{"b": 3, "frequency": 13, "n_periods": 3}],
    "farrington_original": [{"b": 2, "frequency": 13}],
    "ears_c1": [{}],
    "ears_c2": [{"min_reported": 4, "min_sigma": 0.5}],
    "ears_c3": [{}],
    "limit": [{"limit": 12.0, "duration": 2, "hysteresis": 3.0}],
    "anlan": [{"frequency": 12, "years": 3}, {"frequency": 10, "years": 2, "slow": True}],
    "periodic_poisson": [{"frequency": 13, "min_years": 2, "b": 3}, {"frequency": 13}],
    "periodic_nb": [{"frequency": 13, "past_not_included": 2}, {"frequency": 13, "trend": False, "b": 4}],
    "serfling": [{"frequency": 13}, {"frequency": 13, "min_years": 2, "b": 3}],
    "excess_mortality": [{"frequency": 26, "min_years": 1, "b": 2}, {"frequency": 12, "baseline": "all"}],
    "mem": [_MEM],
    "cidars_fixed": [{"threshold": 9, "window": 3}],
    "cidars_moving": [{"frequency": 13, "blocks": 1, "b": 3, "min_years": 2, "window": 2}],
    "auto": [{"frequency": 13}, {"frequency": 13, "prefer": "published"}],
    "bayes1": [{"alpha": 0.01}],
    "bayes2": [{"frequency": 26}],
    "bayes3": [{"frequency": 26}],
    "rki1": [{}],
    "rki2": [{"frequency": 26}],
    "rki3": [{"frequency": 26}],
    "cdc": [{"frequency": 26, "b": 2}],
    "cusum": [_CHART, {**_CHART, "reset": True, "transform": "anscombe", "season": True}],
    "ewma": [{**_CHART, "width": 2.6}, {**_CHART, "season": True, "reset": True, "lam": 0.1, "width": 2.6}],
    "glr_poisson": [
        {**_CHART, "theta": 0.5},
        _CHART,
        {**_CHART, "change": "epidemic", "window": 4, "threshold": 3.0, "training": 50},
        {**_CHART, "direction": "decrease", "refit": True, "trend": True},
    ],
    "glr_nb": [{**_CHART, "theta": 0.4, "trend": True}, {**_CHART, "min_window": 2}],
    # Few different means: a table of decision intervals is computed for each.
    "rogerson": [
        {**_CHART, "digits": 0, "season": False},
        {**_CHART, "mean": 6.0, "fast_start": True, "limit": 1.0},
    ],
    "outbreakp": [{}, {"variant": "surveillance-1.20"}],
}
EACH_CASE = [(method, given) for method, variants in CASES.items() for given in variants]


def make_counts(n_series: int, n_times: int, seed: int) -> FloatArray:
    generator = np.random.default_rng(seed)
    mean = generator.uniform(0.3, 20, (n_series, 1)) * (1 + 0.5 * np.sin(np.arange(n_times) / 2.3))
    counts = generator.negative_binomial(2, 2 / (2 + mean)).astype(np.float64)
    counts[:, -9:-5] *= 3
    counts[generator.random(counts.shape) < 0.02] = np.nan
    return counts


def assert_same(streamed: list[Detection], batch: Detection) -> None:
    assert np.concatenate([found.times for found in streamed]).tolist() == batch.times.tolist()
    assert {found.method for found in streamed} == {batch.method}
    columns: dict[str, NDArray[Any]] = {name: getattr(batch, name) for name in ARRAYS}
    # Which path ran may differ between few values and many.
    extra = {name: values for name, values in batch.extra.items() if name != "compiled"}
    for name, expected in (columns | extra).items():
        parts = [getattr(found, name) if name in ARRAYS else found.extra[name] for found in streamed]
        np.testing.assert_allclose(
            np.concatenate(parts, axis=1).astype(float), expected.astype(float), rtol=1e-8, atol=1e-9,
            err_msg=f"{batch.method}: {name}",
        )  # fmt: skip


def run_batch(method: str, counts: FloatArray, **given: Any) -> Detection:
    return METHODS[method].run(counts, **given)
