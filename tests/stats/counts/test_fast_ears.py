"""The compiled EARS kernels give the same bits as the plain path; the choice of the path repays its start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray
from reference_cases import case_files, mismatches, read_case, read_expected, run_ears, shared_series

from anlan.errors import ParameterError
from anlan.stats.counts import METHODS, _fast, alarms_only, ears_c1
from anlan.stats.counts._fast import engine

pytest.importorskip("numba")

SRC = Path(__file__).parents[3] / "src"


def make_counts(n_series: int, n_times: int, seed: int, gaps: bool) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    counts = generator.poisson(generator.uniform(0.1, 30, (n_series, 1)), (n_series, n_times)).astype(
        np.float64
    )
    counts[::3] = np.round(counts[::3] ** 1.7, 3)
    if gaps:
        counts[1::2][generator.random(counts[1::2].shape) < 0.1] = np.nan
    return counts


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 70), st.integers(3, 12), st.booleans(),
    st.sampled_from([0.0, 0.5]), st.sampled_from(["ears_c1", "ears_c2", "ears_c3"]),
)  # fmt: skip
def test_the_bits_are_the_same(
    seed: int, n_series: int, n_times: int, baseline: int, gaps: bool, min_sigma: float, method: str
) -> None:
    counts = make_counts(n_series, n_times, seed, gaps)
    given_all: dict[str, Any] = {"baseline": baseline, "min_sigma": min_sigma, "min_reported": 3}
    with engine("compiled"):
        compiled = METHODS[method].run(counts, **given_all)
    with engine("plain"):
        plain = METHODS[method].run(counts, **given_all)

    for name in ("expected", "upper", "score", "p_value"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), err_msg=name)
    for name in ("statistic", "sigma"):
        np.testing.assert_array_equal(compiled.extra[name], plain.extra[name], err_msg=name)
    assert np.array_equal(compiled.alarm, plain.alarm)
    assert np.array_equal(compiled.reason, plain.reason)


METHODS_AND_THRESHOLDS = [("ears_c1", 3.0), ("ears_c2", 2.5), ("ears_c3", 2.0), ("ears_c3", 0.7)]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 19), st.integers(0, 70), st.sampled_from([3, 7, 12]), st.booleans(),
    st.booleans(), st.sampled_from([0.0, 0.5]), st.sampled_from(METHODS_AND_THRESHOLDS),
)  # fmt: skip
def test_screening_finds_the_same_alarms(
    seed: int, n_series: int, n_times: int, baseline: int, gaps: bool, whole: bool, min_sigma: float,
    method: tuple[str, float],
) -> None:  # fmt: skip
    counts = make_counts(n_series, n_times, seed, gaps)
    counts = np.round(counts) if whole else counts
    given_all: dict[str, Any] = {
        "baseline": baseline, "min_sigma": min_sigma, "min_reported": 3, "threshold": method[1],
    }  # fmt: skip
    with engine("compiled"):
        found = alarms_only(method[0], counts, **given_all)
    with engine("plain"):
        assert np.array_equal(found.flags(), METHODS[method[0]].run(counts, **given_all).alarm)


@pytest.mark.parametrize("method", ["ears_c1", "ears_c2", "ears_c3"])
def test_values_at_the_limit_are_decided_alike(method: str) -> None:
    # Few different counts and whole thresholds: many values stand exactly at mean + threshold * sigma.
    counts = np.random.default_rng(3).integers(0, 4, (400, 90))
    # With a baseline of 9 the rounding of some C3 makes alarms of ties.
    for threshold, baseline in ((1.0, 7), (2.0, 7), (3.0, 7), (1.0, 9)):
        given_all: dict[str, Any] = {"threshold": threshold, "baseline": baseline}
        with engine("compiled"):
            found = alarms_only(method, counts, **given_all)
        with engine("plain"):
            assert np.array_equal(found.flags(), METHODS[method].run(counts, **given_all).alarm)
    with engine("plain"):
        c1 = ears_c1(counts, threshold=2.0)
    assert np.isclose(c1.observed, c1.upper, rtol=1e-12).sum() > 100


def test_a_buffer_that_fills_up_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    with engine("compiled"):
        whole = alarms_only("ears_c1", np.tile([0, 0, 1, 0, 0, 1, 0, 9], (50, 8)))
        monkeypatch.setattr("anlan.stats.counts._fast._found._LEAST", 0)
        monkeypatch.setattr("anlan.stats.counts._fast._found._SHARE", 1000)
        assert np.array_equal(
            alarms_only("ears_c1", np.tile([0, 0, 1, 0, 0, 1, 0, 9], (50, 8))).series, whole.series
        )
    assert len(whole.series) >= 50


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_other_types_are_screened_as_they_stand(dtype: DTypeLike) -> None:
    counts = np.round(make_counts(21, 120, 5, gaps=False)) % 5000
    for method in ("ears_c1", "ears_c3"):
        with engine("compiled"):
            found = alarms_only(method, counts.astype(dtype))
        with engine("plain"):
            assert np.array_equal(found.flags(), METHODS[method].run(counts.astype(dtype)).alarm)
        assert len(found.series)


@pytest.mark.parametrize("path", case_files("surveillance", "expected", "earsC"), ids=lambda path: path.stem)
def test_the_reference_cases_by_the_compiled_path(path: Path) -> None:
    case = read_case(path)
    expected = read_expected(path.with_suffix(".csv"), case["units"], *case["range"])
    with engine("compiled"):
        found = run_ears(case, shared_series(case))
    assert list(mismatches(found.upper, expected["upperbound"], 1e-10)) == []
    np.testing.assert_array_equal(found.alarm, expected["alarm"] == 1)


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SRC)!r})\n{code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_import_and_small_work_do_not_load_numba() -> None:
    code = (
        "import numpy as np, anlan\nfrom anlan.stats.counts import ears_c1, farrington_flexible\n"
        "ears_c1(np.ones((20, 60)))\nfarrington_flexible(np.ones((3, 300)), evaluate=[-1])\n"
        "print('numba' in sys.modules)"
    )
    assert run_python(code).strip() == "False"


def test_without_numba_the_plain_path_answers_and_the_compiled_one_names_the_extra() -> None:
    code = (
        "class Gone:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'numba': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "import importlib.util; importlib.util.find_spec = lambda name: None\n"
        "import numpy as np\nfrom anlan.errors import MissingExtraError\n"
        "from anlan.stats.counts import ears_c1\nfrom anlan.stats.counts._fast import engine\n"
        "print(ears_c1(np.ones((2000, 400))).alarm.any())\n"
        "try:\n    engine('compiled').__enter__()\nexcept MissingExtraError as error: print(error)"
    )
    assert run_python(code).splitlines() == ["False", "The compiled path needs numba. Install anlan[fast]."]


def test_the_size_of_a_call_alone_decides() -> None:
    for _ in range(4):
        assert _fast.kernels("ears", 0.9 * _fast.WORTH_SECONDS) is None
    assert _fast.kernels("ears", _fast.WORTH_SECONDS) is not None
    assert _fast.kernels("ears", 0.9 * _fast.WORTH_SECONDS) is None


def test_the_engine_is_one_of_three_and_ends_with_its_block() -> None:
    with pytest.raises(ParameterError, match="engine must be one of"):
        engine("quick").__enter__()  # type: ignore[arg-type]
    with engine("plain"):
        assert _fast.kernels("ears", 1e9) is None
    with engine("compiled"):
        assert _fast.kernels("ears", 0.0) is not None
    assert ears_c1(np.ones(10)).reason.shape == (1, 10)
