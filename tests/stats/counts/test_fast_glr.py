"""The compiled likelihood ratio charts give what the plain path gives, for all options, gaps, zeros and long runs."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anlan.stats.counts import Detection, _fast, glr_nb, glr_poisson, streaming
from anlan.stats.counts._fast import engine

pytest.importorskip("numba")

TOLERANCE = 1e-9
R = "surveillance-1.20"
FloatArray = NDArray[np.float64]


def make_counts(seed: int, n_series: int, n_times: int, *, level: float, gaps: bool) -> FloatArray:
    """Negative binomial series from ``level`` / 3 to 3 ``level`` with outbreaks, quiet stretches, perhaps gaps."""
    generator = np.random.default_rng(seed)
    mean = level * generator.uniform(1 / 3, 3, (n_series, 1)) * np.exp(0.5 * np.sin(np.arange(n_times) / 8.3))
    counts = generator.negative_binomial(5, 5 / (5 + mean)).astype(np.float64)
    for row in counts[::2]:
        begin = int(generator.integers(0, max(n_times - 5, 1)))
        row[begin : begin + 4] += generator.poisson(4 * level + 1, len(row[begin : begin + 4]))
    counts[1::3, n_times // 3 : n_times // 2] = 0.0
    if gaps:
        counts[generator.random(counts.shape) < 0.1] = np.nan
    return counts


def both(call: Callable[[], Detection]) -> tuple[Detection, Detection]:
    with engine("compiled"):
        compiled = call()
    with engine("plain"):
        plain = call()
    return compiled, plain


def assert_same(compiled: Detection, plain: Detection) -> None:
    for name in ("alarm", "reason", "upper"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), err_msg=name)
    ours, expected = compiled.extra["statistic"], plain.extra["statistic"]
    np.testing.assert_allclose(ours, expected, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(compiled.score, plain.score, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(compiled.expected, plain.expected, rtol=TOLERANCE)


@st.composite
def charts(draw: st.DrawFn) -> dict[str, Any]:
    """Options of a chart that go together."""
    change = draw(st.sampled_from(["intercept", "intercept", "epidemic"]))
    direction = "increase" if change == "epidemic" else draw(st.sampled_from(["increase", "decrease"]))
    min_window = draw(st.sampled_from([1, 1, 3]))
    return {
        "change": change,
        "direction": direction,
        "min_window": min_window,
        "window": draw(st.sampled_from([None, None, 3, 12])),
        "threshold": draw(st.sampled_from([1.53, 5.01, 20.03])),
        "mean": draw(st.sampled_from(["constant", "seasonal", None])),
        "overdispersion": draw(st.sampled_from([None, 0.01, 0.2, 2.0])),
    }


def run(counts: FloatArray, chart: dict[str, Any], variant: str, level: float, **more: Any) -> Detection:
    """Poisson where there is no ``overdispersion``."""
    n_times = counts.shape[1]
    given = {**chart, "variant": variant, **more}
    mean, overdispersion = given.pop("mean"), given.pop("overdispersion")
    if mean is None:
        given |= {"training": n_times // 2, "frequency": 20, "harmonics": 1}
    else:
        given["mean"] = level if mean == "constant" else level * np.exp(0.5 * np.sin(np.arange(n_times) / 8))
    if overdispersion is None:
        return glr_poisson(counts, **given)
    return glr_nb(counts, overdispersion=overdispersion, **given)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), charts(), st.sampled_from([0.3, 4.0, 60.0]), st.booleans())
def test_equals_the_plain_path(seed: int, chart: dict[str, Any], level: float, gaps: bool) -> None:
    counts = make_counts(seed, 4, 50, level=level, gaps=gaps)
    assert_same(*both(lambda: run(counts, chart, "published", level)))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1), charts(), st.sampled_from([0.3, 4.0]), st.booleans())
def test_equals_the_plain_path_in_the_variant_of_r(
    seed: int, chart: dict[str, Any], level: float, gaps: bool
) -> None:
    counts = make_counts(seed, 3, 30, level=level, gaps=gaps)
    assert_same(*both(lambda: run(counts, chart, R, level)))


@pytest.mark.parametrize("change", ["intercept", "epidemic"])
@pytest.mark.parametrize("overdispersion", [None, 0.2])
@pytest.mark.parametrize("variant", ["published", R])
def test_equals_the_plain_path_where_the_mean_is_fitted_again(
    variant: str, overdispersion: float | None, change: str
) -> None:
    chart = {
        "mean": None,
        "overdispersion": overdispersion,
        "change": change,
        "refit": True,
        "threshold": 3.01,
    }
    counts = make_counts(5, 3, 80, level=3.0, gaps=True)
    compiled, plain = both(lambda: run(counts, chart, variant, 3.0))

    assert_same(compiled, plain)
    means = [len(np.unique(row[40:].round(9))) for row in plain.expected]
    assert plain.alarm.any()
    assert max(means) > 20  # one year of 20 periods would have 20


@pytest.mark.parametrize("mean", ["constant", "seasonal"])
@pytest.mark.parametrize("direction", ["increase", "decrease"])
def test_long_runs_without_an_alarm_stay_equal(direction: str, mean: str) -> None:
    """Here the polynomials of old beginnings gather five hundred periods."""
    chart = {"mean": mean, "overdispersion": 0.1, "direction": direction, "threshold": 1e3 + 0.7}
    counts = np.random.default_rng(3).negative_binomial(10, 10 / 14.5, (1, 490)).astype(np.float64)
    counts = np.concatenate([counts, np.repeat(counts[:, ::7], 7, axis=1)])
    compiled, plain = both(lambda: run(counts, chart, "published", 4.3, evaluate=[50, 489]))

    assert not plain.alarm.any()
    assert_same(compiled, plain)


@pytest.mark.parametrize("overdispersion", [None, 0.1])
@pytest.mark.parametrize(("theta", "direction"), [(0.7, "increase"), (-0.5, "decrease")])
def test_a_known_change_gives_the_same_bits(
    theta: float, direction: str, overdispersion: float | None
) -> None:
    chart = {"mean": "seasonal", "overdispersion": overdispersion, "theta": theta, "direction": direction}
    counts = make_counts(8, 40, 150, level=4.0, gaps=True)
    for variant in ("published", R):
        compiled, plain = both(lambda variant=variant: run(counts, chart, variant, 4.0))  # type: ignore[misc]
        for name in ("upper", "score", "alarm", "reason"):
            np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), err_msg=name)
        assert plain.alarm.any()


def test_a_large_outbreak_after_very_small_means_has_its_limit_where_the_alarm_begins() -> None:
    """Means that fall to 1e-9: the kappa of the limit is 16, far from any start."""
    mean = np.exp(np.linspace(-2, -20, 60))
    counts = np.zeros((1, 60))
    counts[0, [10, 20]] = 1.0
    given: dict[str, Any] = {"mean": mean, "overdispersion": 0.01, "threshold": 20.03, "evaluate": [-1]}
    compiled, plain = both(lambda: glr_nb(counts, **given))

    assert compiled.upper[0, 0] == plain.upper[0, 0]
    for extra, alarm in ((0, True), (-1, False)):
        counts[0, -1] = plain.upper[0, 0] + extra
        for found in both(lambda: glr_nb(counts, **given)):
            assert found.alarm[0, 0] == alarm


@pytest.mark.parametrize("path", ["compiled", "plain"])
def test_a_series_stands_alone(path: _fast.Engine) -> None:
    """Neighbours without overdispersion take other formulae; a series must not notice."""
    generator = np.random.default_rng(2)
    mean = np.full((4, 80), 5.0)
    mean[1:] *= np.exp(0.3 * np.sin(np.arange(80) / 5))
    training = generator.poisson(mean)
    training[0] = 5  # less than Poisson: alpha 0
    counts = np.concatenate([training, generator.negative_binomial(3, 3 / (3 + 1.5 * mean))], axis=1)
    given: dict[str, Any] = {"training": 80, "frequency": 20, "harmonics": 1}
    with engine(path):
        together = glr_nb(counts.astype(np.float64), **given)
        alone = [glr_nb(row[np.newaxis].astype(np.float64), **given) for row in counts]

    overdispersion = together.extra["overdispersion"][:, -1]
    assert np.nanmin(overdispersion) < 1e-9
    assert np.nanmax(overdispersion) > 1e-3
    for row, found in enumerate(alone):
        for name in ("statistic", "overdispersion"):
            np.testing.assert_allclose(
                together.extra[name][row], found.extra[name][0], rtol=1e-12, atol=1e-12, err_msg=name
            )


def test_only_large_calls_take_the_kernels() -> None:
    counts = np.random.default_rng(1).poisson(5.0, (40, 200)).astype(np.float64)
    asked: list[float] = []

    def kernels(_name: str, seconds_saved: float) -> None:
        asked.append(seconds_saved)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fast, "kernels", kernels)
        glr_nb(counts, mean=5.0, overdispersion=0.1, evaluate=[-1])
        glr_nb(counts[:20], mean=5.0, overdispersion=0.1, evaluate=[-1])
        glr_poisson(counts, mean=5.0, theta=0.5, evaluate=[-1])
    assert asked[0] == 2 * asked[1]
    assert asked[2] < 0.01 * asked[0]


def test_the_state_of_a_chart_can_be_kept() -> None:
    """A state that is stored holds no kernels, and goes on without them."""
    counts = np.random.default_rng(4).poisson(5.0, (3, 90)).astype(np.float64)
    with engine("compiled"):
        state = streaming.begin("glr_poisson", counts[:, :60], mean=5.0, theta=0.6)
        later, found = streaming.update(pickle.loads(pickle.dumps(state)), counts[:, 60:])
        batch = glr_poisson(counts, mean=5.0, theta=0.6, evaluate=slice(60, None))
    np.testing.assert_array_equal(found.extra["statistic"], batch.extra["statistic"])
    assert pickle.dumps(later)


def test_means_that_fall_to_nothing_lose_no_digits() -> None:
    """Sums of such means vanish in a running total; those of each stretch do not."""
    mean = np.concatenate([np.full(30, 5.0), np.exp(np.linspace(-5, -24, 30))])
    counts = np.concatenate([np.full(30, 4.0), np.zeros(28), [1.0, 1.0]])[np.newaxis]
    expected = float(mean[-2:].sum())
    for found in both(lambda: glr_poisson(counts, mean=mean, threshold=1e3)):
        assert found.extra["statistic"][0, -1] == pytest.approx(
            2 * np.log(2 / expected) + expected - 2, rel=1e-13
        )
