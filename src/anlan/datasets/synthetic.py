"""An invented measles cluster in six counties, for exercises; nothing in it happened.

The background is low and seasonal, as measles is where vaccination works: a fraction of a case a week in each
county with a spring peak. In the last weeks an imported case starts a cluster in one county that spreads to two more.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from anlan.errors import ParameterError

COUNTIES = ("421202", "421221", "421222", "421223", "421224", "421281")
# Weights only give the counties different sizes; they are not populations.
_WEIGHTS = np.array([1.6, 0.8, 1.0, 1.0, 0.9, 1.2])
_PEAK_WEEK = 16.0
# Expected cases of the cluster in the last weeks, oldest first: it begins in Chibi, then Xian'an and Jiayu.
_CLUSTER = MappingProxyType(
    {
        "421281": (1.0, 3.0, 7.0, 12.0, 15.0),
        "421202": (0.0, 0.0, 2.0, 5.0, 9.0),
        "421221": (0.0, 0.0, 0.0, 2.0, 4.0),
    }
)
LABEL = "synthetic"

__all__ = ["COUNTIES", "LABEL", "SyntheticCounts", "synthetic_measles"]


@dataclass(frozen=True)
class SyntheticCounts:
    """Invented weekly counts by county.

    Parameters
    ----------
    area_codes : tuple of str
    week_starts : ndarray of datetime64[D], shape (n_weeks,)
        Mondays.
    counts : ndarray of int64, shape (n_areas, n_weeks)
        All cases, the cluster included.
    cluster : ndarray of int64, shape (n_areas, n_weeks)
        Cases of the cluster alone: the truth that an exercise is judged by.
    seed : int
    """

    area_codes: tuple[str, ...]
    week_starts: NDArray[np.datetime64]
    counts: NDArray[np.int64]
    cluster: NDArray[np.int64]
    seed: int

    def rows(self) -> Iterator[dict[str, str]]:
        """Rows of a delivery: ``origin`` says ``synthetic`` in each."""
        for code, counts in zip(self.area_codes, self.counts, strict=True):
            for start, count in zip(self.week_starts, counts, strict=True):
                yield {
                    "county": code,
                    "week_start": str(start),
                    "disease": "measles",
                    "cases": str(int(count)),
                    "origin": LABEL,
                }

    def to_csv(self) -> bytes:
        """The rows as a UTF-8 CSV file, the same bytes for the same seed."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(
            text, ["county", "week_start", "disease", "cases", "origin"], lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(self.rows())
        return text.getvalue().encode("utf-8")


def synthetic_measles(
    seed: int = 20240229, *, last_week: date = date(2024, 4, 22), weeks: int = 320
) -> SyntheticCounts:
    """Invent weekly measles counts for the six counties of Xianning with an imported cluster at the end.

    Parameters
    ----------
    seed : int
        The same seed gives the same counts.
    last_week : date
        Monday of the last week; the cluster fills the five weeks up to it.
    weeks : int, default 320
        Length of the series, at least 10; a detector with five reference years needs about 290.

    Raises
    ------
    ParameterError
        ``last_week`` is no Monday, or ``weeks`` is below 10.
    """
    if last_week.isoweekday() != 1:
        raise ParameterError(f"last_week must be a Monday. Got {last_week} ({last_week:%A}).")
    if weeks < 10:
        raise ParameterError(f"weeks must be an int >= 10. Got {weeks}.")
    random = np.random.default_rng(seed)
    starts = np.datetime64(last_week - timedelta(weeks=weeks - 1), "D") + 7 * np.arange(weeks)
    day_of_year = (starts - starts.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    season = np.exp(0.9 * np.cos(2 * np.pi * (day_of_year / 7 - _PEAK_WEEK) / 52.18))
    background = random.poisson(0.12 * _WEIGHTS[:, None] * season[None, :])
    cluster = np.zeros_like(background)
    for code, means in _CLUSTER.items():
        sizes = random.poisson(means)
        if code == "421281":
            sizes[0] = max(sizes[0], 1)
        cluster[COUNTIES.index(code), -len(means) :] = sizes
    return SyntheticCounts(COUNTIES, starts, background + cluster, cluster, seed)
