"""The whole design of Bédubourg and Le Strat (2017) in size: 231,000 series, in 55 parts of 4,200. Hours."""

from __future__ import annotations

import numpy as np
import pytest

from anlan.stats.evaluation import compare_at_own_rates, run_method, simulate_noufaily


@pytest.mark.soak
def test_anlan_against_farrington_on_the_whole_design() -> None:
    differences: dict[str, list[float]] = {"pod": [], "pod_first_week": [], "delay": [], "ppv": []}
    rates = []
    for part in range(55):
        series = simulate_noufaily(100, generator=np.random.default_rng([2017, part]))
        ours, theirs = run_method("anlan", series), run_method("farrington_flexible", series)
        [found] = compare_at_own_rates(ours, [theirs], series)
        rates.append(ours.rate)
        for name, values in differences.items():
            values.append(found.difference[name].value)
    mean = {name: float(np.mean(values)) for name, values in differences.items()}

    assert mean["pod"] > 0.04
    assert mean["ppv"] > 0
    assert mean["delay"] < 0
    assert mean["pod_first_week"] > -0.01
    assert 0.008 < float(np.mean(rates)) < 0.0115
