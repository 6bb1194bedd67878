"""Period by period gives what the batch call gives: for every method of the table, its states kept and read again."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from streaming_cases import CASES, EACH_CASE, FloatArray, assert_same, make_counts, run_batch

from anlan.errors import ParameterError
from anlan.stats.counts import METHODS, Detection, Reason, begin, cusum, glr_poisson, update
from anlan.stats.counts._calendar import following_dates
from anlan.stats.counts._recent import Recent

Dates = NDArray[np.datetime64]


def stream(
    method: str, counts: FloatArray, cuts: list[int], dates: Dates | None = None, **given: Any
) -> list[Detection]:
    """Begin with what is before the first cut, then one update between each two."""
    with_dates = {} if dates is None else {"dates": dates[: cuts[0]]}
    state = begin(method, counts[:, : cuts[0]], **given, **with_dates)
    found = []
    for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
        values = counts[:, start] if stop == start + 1 else counts[:, start:stop]
        state, part = update(pickle.loads(pickle.dumps(state)), values)
        found.append(part)
    return found


def test_every_method_of_the_table_is_among_the_cases() -> None:
    assert set(CASES) == set(METHODS)


@pytest.mark.parametrize(("method", "parameters"), EACH_CASE)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    first=st.integers(0, 70),
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=5),
)
def test_streaming_equals_batch(
    method: str, parameters: dict[str, Any], seed: int, first: int, sizes: list[int]
) -> None:
    # Begun with nothing, with too little, and with plenty; the last periods are decided.
    counts = make_counts(2, 90, seed)
    cuts = [first, *(first + np.cumsum(sizes)).tolist(), 90]
    streamed = stream(method, counts, cuts, **parameters)
    assert_same(streamed, run_batch(method, counts, evaluate=np.arange(first, 90), **parameters))


@pytest.mark.parametrize(("method", "parameters"), EACH_CASE)
def test_the_cases_decide(method: str, parameters: dict[str, Any]) -> None:
    found = run_batch(method, make_counts(3, 90, 1), evaluate=np.arange(80, 90), **parameters)
    assert (found.reason == Reason.OK).any()


DATED = [(name, step) for name, one in METHODS.items() if one.uses_dates for step in one.steps]
# Means and limits that need no table computed for every series.
QUICK: dict[str, dict[str, Any]] = {"rogerson": {"mean": 6.0, "training": 40}, "ewma": {"width": 2.6}}
YEARS = {"mem": 8, "farrington_flexible": 6, "farrington_original": 6, "cdc": 6, "auto": 6}


def dates_of(step: str, n_times: int) -> Dates:
    """Across 2015 and 2020, years of 53 weeks, a leap day, and ends of months of all lengths."""
    if step == "day":
        return np.datetime64("2019-06-01") + np.arange(n_times)
    if step == "week":
        return np.datetime64("2014-08-11") + 7 * np.arange(n_times)
    return (np.datetime64("2014-09") + np.arange(n_times)).astype("datetime64[D]") - 1


@pytest.mark.parametrize(("method", "step"), DATED)
def test_dates_go_on_by_themselves(method: str, step: str) -> None:
    years = YEARS.get(method, 4)
    n_times = {"day": 366 * years, "week": 53 * years, "month": 12 * years}[step] + 20
    generator = np.random.default_rng(3)
    counts = generator.poisson(9, size=(2, n_times)).astype(float)
    dates = dates_of(step, n_times)
    cuts = [n_times - 9, n_times - 8, n_times - 3, n_times]

    streamed = stream(method, counts, cuts, dates, **QUICK.get(method, {}))
    batch = run_batch(method, counts, dates=dates, evaluate=slice(n_times - 9, None), **QUICK.get(method, {}))
    assert_same(streamed, batch)
    assert (batch.reason == Reason.OK).any()


def test_dates_follow_as_they_were() -> None:
    ends = np.array(["2019-12-31", "2020-01-31"], dtype="datetime64[D]")
    assert following_dates(ends, 3).astype(str).tolist() == ["2020-02-29", "2020-03-31", "2020-04-30"]
    middle = np.array(["2019-12-30", "2020-01-30"], dtype="datetime64[D]")
    assert following_dates(middle, 3).astype(str).tolist() == ["2020-02-29", "2020-03-30", "2020-04-30"]
    firsts = np.array(["2019-12-01", "2020-01-01"], dtype="datetime64[D]")
    assert following_dates(firsts, 1).astype(str).tolist() == ["2020-02-01"]
    weeks = np.array(["2020-12-21", "2020-12-28"], dtype="datetime64[D]")
    assert following_dates(weeks, 2).astype(str).tolist() == ["2021-01-04", "2021-01-11"]


def test_months_counted_in_days_as_r_does_go_on_too() -> None:
    dates = dates_of("month", 80)
    counts = make_counts(2, 80, 8)
    given_all: dict[str, Any] = {"variant": "surveillance-1.20", "b": 3}
    streamed = stream("farrington_flexible", counts, [74, 77, 80], dates, **given_all)
    assert_same(
        streamed, run_batch("farrington_flexible", counts, dates=dates, evaluate=slice(74, None), **given_all)
    )


@pytest.mark.parametrize("method", [name for name, one in METHODS.items() if one.uses_population])
def test_a_population_goes_on_too(method: str) -> None:
    counts = make_counts(3, 280, 4)
    people = 1e5 * (1 + np.arange(280) / 500) * np.ones((3, 1))
    state = begin(method, counts[:, :279], population=people[:, :279])
    _, found = update(state, counts[:, 279], population=people[:, 279])

    assert_same([found], run_batch(method, counts, population=people, evaluate=[279]))
    with pytest.raises(ParameterError, match="population must be given"):
        update(state, counts[:, 279])


@pytest.mark.parametrize("theta", [None, 0.5])
def test_means_that_vary_in_time_go_on_too(theta: float | None) -> None:
    counts = make_counts(2, 60, 5)
    means = np.linspace(4.0, 9.0, 60) * np.ones((2, 1))
    state = begin("glr_poisson", counts[:, :50], mean=means[:, :50], theta=theta)
    found = []
    for start in (50, 55):
        columns = slice(start, start + 5)
        state, part = update(state, counts[:, columns], mean=means[:, columns])
        found.append(part)
    assert_same(found, glr_poisson(counts, mean=means, theta=theta, evaluate=slice(50, None)))
    with pytest.raises(ParameterError, match="mean must be"):
        update(state, counts[:, :1])


def test_one_period_may_come_as_one_number_a_series() -> None:
    counts = make_counts(4, 70, 1)
    state = begin("cusum", counts[:, :69], training=50)
    _, found = update(state, counts[:, 69])
    assert_same([found], cusum(counts, training=50, evaluate=[-1]))


@pytest.mark.parametrize(
    ("method", "parameters", "kept"),
    [
        ("ears_c2", {}, 9),
        ("bayes1", {"frequency": 13}, 6 + 12),  # dropped a year at a time
        ("periodic_nb", {"frequency": 10, "b": 3}, 30 + 9),
        ("outbreakp", {}, 1021),
    ],
)
def test_the_state_keeps_no_more_than_the_method_looks_back(
    method: str, parameters: dict[str, Any], kept: int
) -> None:
    counts = make_counts(2, 1000, 5)
    state = begin(method, counts, **parameters)
    for _ in range(3):
        state, _ = update(state, counts[:, :7])

    assert isinstance(state, Recent)
    assert state.values.shape[1] <= kept
    assert state.position == 1021


def test_a_chart_lets_go_of_its_values_when_its_training_is_over() -> None:
    counts = make_counts(2, 60, 5)
    state = begin("ewma", counts[:, :20], training=30)
    assert isinstance(state, Recent)
    state, _ = update(state, counts[:, 20:30])
    assert not isinstance(state, Recent)


@pytest.mark.parametrize(("method", "parameters"), EACH_CASE)
def test_an_update_leaves_the_state_as_it_was(method: str, parameters: dict[str, Any]) -> None:
    state = begin(method, make_counts(2, 60, 6), **parameters)
    before = pickle.dumps(state)
    update(state, np.array([50.0, 50.0]))
    with pytest.raises(ParameterError, match=r"values must be an array of shape \(2,\)"):
        update(state, np.ones(3))

    assert pickle.dumps(state) == before


@pytest.mark.parametrize(
    ("method", "parameters", "values", "said"),
    [
        ("none", {}, [1.0, 2.0], "method must be one of"),
        ("ears_c1", {"baseline": 2}, [1.0, 2.0], "baseline must be"),
        ("ears_c1", {"b": 2}, [1.0, 2.0], "ears_c1 has no parameter 'b'. It has baseline"),
        ("anlan", {"b": 2}, [1.0, 2.0], "anlan has no parameter 'b'. It has alpha"),
        ("ears_c1", {"dates": np.arange("2020-01-01", "2020-01-31", dtype="datetime64[D]")}, [1.0, 2.0], "dates must be None"),
        ("outbreakp", {"population": 5}, [1.0, 2.0], "population must be None"),
        ("bayes1", {"dates": ["2020-01-01"] * 30}, [1.0, 2.0], "dates must be"),
        ("ears_c1", {}, [1.0, 2.0, 3.0], "values must be"),
        ("ears_c1", {}, [1.0, -2.0], "values must be"),
        ("auto", {}, [1.0, -2.0], "values must be"),
        ("serfling", {}, [1.0, -2.0], "values must be"),
        ("limit", {"limit": "high"}, [1.0, 2.0], "limit must be"),
        ("auto", {"prefer": "best"}, [1.0, 2.0], "prefer must be"),
    ],
)  # fmt: skip
def test_wrong_input_is_named(
    method: str, parameters: dict[str, Any], values: list[float], said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        update(begin(method, make_counts(2, 30, 7), **parameters), np.array(values))


def test_arrays_along_the_series_are_refused_where_there_are_none() -> None:
    for method in ("cusum", "anlan", "auto", "ears_c1", "outbreakp"):
        state = begin(method, make_counts(2, 30, 7))
        with pytest.raises(ParameterError, match="population must be None"):
            update(state, np.ones(2), population=np.ones(2))
    for method in ("anlan", "auto", "ears_c1", "outbreakp"):
        with pytest.raises(ParameterError, match="mean must be None"):
            update(begin(method, make_counts(2, 30, 7)), np.ones(2), mean=np.ones(2))
