"""Designs in parts: figures of a part, and their mean and interval over parts."""

from __future__ import annotations

import numpy as np
import pytest

from anlan.stats.evaluation import measure_part, pool_parts, run_method, simulate_noufaily


def test_parts_are_pooled_by_hand() -> None:
    """Mean of 1, 2, 6 is 3; standard deviation sqrt(7); Student's t with 2 degrees of freedom 4.302653."""
    found = pool_parts(
        [{"series": 42.0, "a": 1.0, "b": 5.0}, {"series": 42.0, "a": 2.0}, {"series": 42.0, "a": 6.0}]
    )

    assert set(found) == {"a"}  # only what every part has
    assert found["a"].value == 3
    assert found["a"].half_width == pytest.approx(4.302653 * np.sqrt(7 / 3), rel=1e-6)
    assert np.isnan(pool_parts([{"a": 1.0}])["a"].low)
    assert pool_parts([]) == {}


def test_a_part_has_the_figures_of_its_runs() -> None:
    found = measure_part(3, ["bayes3"], seed=9, candidate="ears_c2", replicates=1)
    series = simulate_noufaily(1, generator=np.random.default_rng([9, 3]))
    ours, theirs = run_method("ears_c2", series), run_method("bayes3", series)

    assert found["series"] == 42
    assert found["rate/ears_c2"] == ours.rate
    assert found["pod/bayes3"] == theirs.performance(series).estimate("pod").value
    assert {f"bayes3/{name}" for name in ("pod", "pod_first_week", "delay", "ppv", "scenario/42")} <= set(
        found
    )
    group = series.labels["group"] == 2
    assert found["group/2"] == pytest.approx(ours.null_alarms[group].mean())
    assert found == measure_part(3, ["bayes3"], seed=9, candidate="ears_c2", replicates=1)
    assert found != measure_part(4, ["bayes3"], seed=9, candidate="ears_c2", replicates=1)
