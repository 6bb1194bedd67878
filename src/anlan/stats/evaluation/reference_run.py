"""The stored reference run: 21 methods of R surveillance 1.20.3 on 420 series of the design, in per cent.

42 scenarios x 10 replicates, alpha 0.01 (Bayes 0.05), made for this project (no restriction). The standard error of a
probability of detection is about 2.4 points. Other replicates give other numbers; this is what to stand beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class ReferenceRow(NamedTuple):
    """Rates in per cent."""

    fpr: float
    specificity: float
    pod: float
    pod_first_week: float
    sensitivity: float
    ppv: float
    npv: float


REFERENCE_SERIES = 420
#: Methods here whose name in the run is another one.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "periodic_poisson": "pois_glm",
        "periodic_nb": "nb_glm",
        "outbreakp": "outbreakP",
        "glr_poisson": "glr_pois",
    }
)

REFERENCE_RUN: Mapping[str, ReferenceRow] = MappingProxyType(
    {
        "farrington_flexible": ReferenceRow(0.972, 99.056, 52.619, 41.905, 23.795, 63.083, 95.042),
        "farrington_original": ReferenceRow(2.512, 97.473, 59.048, 48.810, 29.304, 44.023, 95.312),
        "cdc": ReferenceRow(4.286, 94.609, 51.190, 19.048, 36.878, 31.690, 95.671),
        "rki1": ReferenceRow(8.120, 92.477, 69.524, 60.238, 30.528, 21.579, 95.152),
        "rki2": ReferenceRow(5.481, 94.676, 70.000, 58.333, 33.818, 30.109, 95.474),
        "rki3": ReferenceRow(7.051, 92.918, 72.143, 59.762, 40.627, 28.006, 95.847),
        "bayes1": ReferenceRow(10.078, 90.572, 76.190, 65.476, 38.179, 21.546, 95.576),
        "bayes2": ReferenceRow(9.252, 90.993, 81.905, 68.333, 43.917, 24.848, 95.988),
        "bayes3": ReferenceRow(11.098, 88.881, 83.571, 70.952, 50.268, 23.464, 96.344),
        "ears_c1": ReferenceRow(6.880, 93.706, 67.857, 58.571, 26.320, 22.094, 94.938),
        "ears_c2": ReferenceRow(8.673, 92.274, 68.810, 57.381, 38.409, 25.213, 95.669),
        "ears_c3": ReferenceRow(8.078, 92.741, 54.048, 7.143, 34.277, 24.256, 95.415),
        "cusum": ReferenceRow(42.337, 53.956, 83.095, 72.381, 75.976, 10.064, 97.069),
        "cusum_rossi": ReferenceRow(38.047, 58.802, 77.143, 66.667, 71.538, 10.535, 96.822),
        "cusum_glm": ReferenceRow(43.484, 52.488, 84.762, 76.905, 79.495, 10.190, 97.419),
        "cusum_glm_rossi": ReferenceRow(39.232, 57.355, 81.190, 70.238, 75.822, 10.760, 97.221),
        "outbreakP": ReferenceRow(59.840, 37.581, 69.286, 67.381, 64.728, 6.570, 94.016),
        "glr_pois": ReferenceRow(15.569, 84.367, 76.190, 59.048, 43.841, 15.979, 95.681),
        "glr_nb": ReferenceRow(0.170, 99.782, 26.905, 12.857, 10.482, 76.536, 94.265),
        "pois_glm": ReferenceRow(4.660, 95.403, 65.714, 55.714, 33.206, 32.879, 95.467),
        "nb_glm": ReferenceRow(0.549, 99.486, 41.905, 34.524, 18.669, 71.137, 94.747),
    }
)

#: Ranges over methods that Bédubourg and Le Strat (2017) published for their larger run, in per cent.
PUBLISHED_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"fpr": (0.7, 59.9), "pod": (43.3, 88.7), "ppv": (6.5, 68.4)}
)


def reference_of(method: str) -> ReferenceRow | None:
    """The row of a method here; None when the run does not have it."""
    return REFERENCE_RUN.get(NAMES.get(method, method))


_YEAR = {"frequency": 52}
_R = {"variant": "surveillance-1.20"}
_FARRINGTON = {**_YEAR, **_R, "alpha": 0.01, "limit54_cases": 0}
_CUSUM = {**_YEAR, **_R, "training": 575, "k": 1.04, "h": 2.26}

#: How each method of the run is called here: name in ``METHODS`` and parameters.
REFERENCE_SETTINGS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "farrington_flexible": ("farrington_flexible", _FARRINGTON),
        "farrington_original": ("farrington_original", _FARRINGTON),
        "cdc": ("cdc", {**_YEAR, **_R, "alpha": 0.01}),
        **{name: (name, {**_YEAR, **_R}) for name in ("rki1", "rki2", "rki3")},
        **{name: (name, {**_YEAR, **_R, "alpha": 0.05}) for name in ("bayes1", "bayes2", "bayes3")},
        **{name: (name, {"alpha": 0.01}) for name in ("ears_c1", "ears_c2")},
        "ears_c3": ("ears_c3", {**_R, "alpha": 0.01}),
        "cusum": ("cusum", {**_CUSUM, "transform": "standard"}),
        "cusum_rossi": ("cusum", {**_CUSUM, "transform": "rossi"}),
        "cusum_glm": ("cusum", {**_CUSUM, "transform": "standard", "season": True}),
        "cusum_glm_rossi": ("cusum", {**_CUSUM, "transform": "rossi", "season": True}),
        "outbreakP": ("outbreakp", _R),
        "glr_pois": ("glr_poisson", {**_YEAR, **_R, "training": 575}),
        "glr_nb": ("glr_nb", {**_YEAR, **_R, "training": 575, "trend": True}),
        "pois_glm": ("periodic_poisson", {**_YEAR, "alpha": 0.01}),
        "nb_glm": ("periodic_nb", {**_YEAR, "alpha": 0.01}),
    }
)
