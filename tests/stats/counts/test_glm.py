"""The batched regression against a dense one written from the textbook, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.stats.counts import glm
from anlan.stats.counts.result import FloatArray


def dense_fit(
    x: FloatArray, y: FloatArray, weight: FloatArray, exposure: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, bool]:
    """Iteratively reweighted least squares by a general solver: means, hat diagonal, (X'WX)^-1, converged."""
    mean: FloatArray = y + 0.1
    hat: FloatArray = np.zeros_like(y)
    inverse: FloatArray = np.eye(x.shape[1])
    rows = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mean), 0) - (y - mean)
    deviance = 2 * np.sum(weight * rows)
    for _ in range(25):
        working = weight * mean
        z = np.log(mean / exposure) + (y - mean) / mean
        inverse = np.linalg.inv(x.T @ (working[:, np.newaxis] * x)).astype(np.float64)
        hat = working * np.einsum("ij,jk,ik->i", x, inverse, x)
        mean = exposure * np.exp(x @ (inverse @ (x.T @ (working * z))))
        rows = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mean), 0) - (y - mean)
        old, deviance = deviance, 2 * np.sum(weight * rows)
        if abs(deviance - old) / (abs(deviance) + 0.1) < 1e-8:
            return mean, hat, inverse, True
    return mean, hat, inverse, False


def dense_columns(design: glm.Design, with_trend: bool) -> FloatArray:
    columns = (design.level[:, np.newaxis] == np.arange(design.n_levels)).astype(float)
    return np.hstack([columns, design.time[:, np.newaxis]]) if with_trend else columns


def make_design(n_rows: int = 60, n_levels: int = 4) -> glm.Design:
    return glm.Design(np.arange(n_rows) // 5 % n_levels, np.linspace(-1.0, -0.1, n_rows), n_levels)


@pytest.mark.parametrize("with_trend", [True, False])
@pytest.mark.parametrize("scale", [0.3, 20.0, 5e5])
@pytest.mark.parametrize("form", ["plain", "weights", "exposure", "both"])
def test_equals_the_dense_fit(with_trend: bool, scale: float, form: str) -> None:
    generator = np.random.default_rng(3)
    design = make_design()
    counts = generator.poisson(scale * np.exp(0.5 * design.time), size=(7, 60)).astype(float)
    counts[:, 0] += 1
    weight = generator.uniform(0.2, 1.5, counts.shape) if form in ("weights", "both") else None
    if weight is not None:
        weight[:, 3:6] = 0.0  # rows that are not there
    exposure = generator.uniform(0.5, 2.0, counts.shape) if form in ("exposure", "both") else None
    fit = glm.fit(design, glm.Data(counts, weight, exposure), with_trend=with_trend)
    means = glm.row_means(design, fit.final, exposure)
    one = np.ones(60)

    for row in range(len(counts)):
        mean, hat, inverse, converged = dense_fit(
            dense_columns(design, with_trend),
            counts[row],
            one if weight is None else weight[row],
            one if exposure is None else exposure[row],
        )
        working = glm.row_means(design, fit.before, exposure) * (1.0 if weight is None else weight)
        assert fit.converged[row] == converged
        np.testing.assert_allclose(means[row], mean, rtol=1e-8)
        np.testing.assert_allclose(glm.leverages(design, fit, working)[row], hat, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(fit.variance_at(2, 0.0)[row], inverse[2, 2], rtol=1e-6)
        if with_trend:
            at = np.array([0, 0, 1, 0, 0.25])
            np.testing.assert_allclose(fit.variance_at(2, 0.25)[row], at @ inverse @ at, rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 200))
@settings(max_examples=25, deadline=None)
def test_a_fit_does_not_depend_on_its_neighbours(seed: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    design = make_design()
    counts = generator.poisson(scale * generator.uniform(0.1, 3, (9, 1)), size=(9, 60)).astype(float)
    together = glm.fit(design, glm.Data(counts, None, None), with_trend=True)
    alone = glm.fit(design, glm.Data(counts[4:5], None, None), with_trend=True)

    # A lone case at one end sends the slope towards infinity: then only the means are well defined.
    ours, theirs = (glm.row_means(design, fit.final, None) for fit in (together, alone))
    np.testing.assert_allclose(ours[4], theirs[0], rtol=1e-6, atol=1e-9)
    assert together.converged[4] == alone.converged[0]


def test_the_trend_of_an_exact_exponential_is_found() -> None:
    design = make_design()
    counts = np.round(1e6 * np.exp(0.7 * design.time))[np.newaxis, :]
    fit = glm.fit(design, glm.Data(counts, None, None), with_trend=True)

    assert fit.converged.all()
    np.testing.assert_allclose(fit.final.slope, 0.7, rtol=1e-4)


def test_the_score_equations_hold_after_convergence() -> None:
    design = make_design()
    counts = np.random.default_rng(0).poisson(30, size=(5, 60)).astype(float)
    fit = glm.fit(design, glm.Data(counts, None, None), with_trend=True)
    residual = counts - glm.row_means(design, fit.final, None)

    np.testing.assert_allclose(residual @ design.basis()[:, : design.n_levels], 0, atol=1e-4)
    np.testing.assert_allclose(residual @ design.time, 0, atol=1e-4)


def test_a_level_without_rows_is_left_out() -> None:
    design = make_design()
    counts = np.random.default_rng(0).poisson(30, size=(2, 60)).astype(float)
    weight = np.ones_like(counts)
    weight[1, design.level == 1] = 0.0
    fit = glm.fit(design, glm.Data(counts, weight, None), with_trend=True)

    assert fit.n_coefficients.tolist() == [5, 4]
    assert fit.converged.all()


def test_too_many_empty_rows_do_not_converge() -> None:
    """An empty series approaches zero by a factor e a step; 25 steps are not enough for 237 rows (as in R)."""
    design = glm.Design(np.zeros(237, dtype=np.int64), np.linspace(-1, 0, 237), 1)
    fit = glm.fit(design, glm.Data(np.zeros((1, 237)), None, None), with_trend=False)
    assert not fit.converged.any()


def test_no_series_is_no_problem() -> None:
    fit = glm.fit(make_design(), glm.Data(np.zeros((0, 60)), None, None), with_trend=True)
    assert fit.final.level.shape == (0, 4)
