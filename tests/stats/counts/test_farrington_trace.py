"""Every step of the flexible Farrington method for one week, against the opened-up runs of R surveillance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_cases import case_files, number, read_case, read_rows, shared_series

from anlan.stats.counts import _farrington_fit, glm
from anlan.stats.counts.anchors import Reference, references, time_axis

TOLERANCE = 1e-9
PATHS = case_files("surveillance", "expected", "farringtonFlexible_trace")


def prepared(path: Path) -> tuple[dict[str, Any], Reference, glm.Design, glm.Data, dict[str, np.ndarray]]:
    case = read_case(path)
    unit = case["unit"] if isinstance(case["unit"], str) else "observed1"
    series = shared_series({**case, "units": [unit]})
    rows = read_rows(path.with_suffix(".csv"))
    columns = {name: np.array([number(row[name]) for row in rows]) for name in rows[0]}
    control = case["control"]
    axis = time_axis(series.counts.shape[1], dates=series.dates, frequency=None)
    groups = references(
        axis,
        np.array([case["index"] - 1]),
        b=control["b"],
        w=control["w"],
        n_periods=control["noPeriods"],
        skip=control["pastWeeksNotIncluded"],
        calendar=True,
    )
    reference, _ = next(groups)
    levels, level = np.unique(reference.block, return_inverse=True)
    design = glm.Design(level, reference.time / 300, len(levels))
    at = case["index"] - 1 + reference.offsets
    population = series.population[:, at] if control["populationOffset"] else None
    return case, reference, design, glm.Data(series.counts[:, at], None, population), columns


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_reference_weeks_blocks_and_trend_time(path: Path) -> None:
    case, reference, _, data, columns = prepared(path)

    assert (case["index"] + reference.offsets).tolist() == columns["index"].tolist()
    assert reference.block.tolist() == columns["season_block"].tolist()
    assert (reference.time - reference.time[0]).tolist() == (columns["wtime"] - columns["wtime"][0]).tolist()
    assert data.counts[0].tolist() == columns["response"].tolist()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_both_fits_leverages_weights_and_dispersions(path: Path) -> None:
    case, _, design, data, columns = prepared(path)
    with_trend = case["control"]["trend"]
    first = glm.fit(design, data, with_trend=with_trend)
    degrees = np.array([len(columns["index"]) - first.n_coefficients[0]], dtype=np.float64)
    dispersion, means, working = _farrington_fit.pearson_dispersion(design, data, first, degrees)
    hat = glm.leverages(design, first, working)
    weight = _farrington_fit.reweighted(
        data,
        means,
        hat.copy(),
        np.maximum(dispersion, 1),
        np.array([len(columns["index"])]),
        case["control"]["weightsThreshold"],
    )
    again = glm.Data(data.counts, weight, data.exposure)
    second = glm.fit(design, again, with_trend=with_trend)
    pearson, second_means, _ = _farrington_fit.pearson_dispersion(design, again, second, degrees)

    np.testing.assert_allclose(means[0], columns["fitted0"], rtol=TOLERANCE)
    np.testing.assert_allclose(hat[0], columns["hat0"], rtol=TOLERANCE)
    np.testing.assert_allclose(dispersion[0], case["dispersion0"], rtol=TOLERANCE)
    np.testing.assert_allclose(weight[0], columns["omega"], rtol=TOLERANCE)
    np.testing.assert_allclose(second_means[0], columns["fitted1"], rtol=TOLERANCE)
    np.testing.assert_allclose(pearson[0], case["dispersion1_pearson"], rtol=TOLERANCE)
    np.testing.assert_allclose(
        _farrington_fit.dispersion_in_r(again, second_means, degrees)[0],
        case["dispersion1_used_for_se"],
        rtol=TOLERANCE,
    )
    if with_trend:
        np.testing.assert_allclose(second.final.slope[0] / 300, case["coef1"]["wtime"], rtol=TOLERANCE)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_anscombe_residuals_decide_the_weights(path: Path) -> None:
    """Where R's residual is above the threshold, and only there, the weight is smaller."""
    case, _, _, _, columns = prepared(path)
    above = columns["anscombe"] > case["control"]["weightsThreshold"]
    full = columns["omega"].max()

    np.testing.assert_allclose(columns["omega"][~above], full)
    np.testing.assert_allclose(columns["omega"][above], full * columns["anscombe"][above] ** -2.0, rtol=1e-12)
