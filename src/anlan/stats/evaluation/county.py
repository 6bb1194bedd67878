"""Simulated counties as China's alert system sees them: 19 diseases, counted by day, with a few reportable outbreaks.

Not the design of a publication but anlan's own, made so that a detector can be judged on the terms of CIDARS (facts of
its first two years: 1.65 signals of the moving percentile a county and week, 4.9 confirmed outbreaks in 1,000
county-weeks). Means, seasons and percentiles are data below; everything that was assumed is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anlan.stats.counts._input import as_number, as_whole
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

FIRST_DAY = np.datetime64("2004-01-05", "D")  # a Monday
HISTORY_WEEKS, TESTED_WEEKS = 313, 104
N_DAYS = 7 * (HISTORY_WEEKS + TESTED_WEEKS)
#: Confirmed outbreaks that moving-percentile signals led to, July 2008 to June 2010: 1,594 in 531,357 / 1.65 county-weeks.
PUBLISHED_OUTBREAKS_PER_1000 = 4.95
_YEAR = 365.25 / 7
# Assumed: a level that wanders (AR(1) by week), a trend of each series, more and larger counties, fewer cards at weekends.
_LEVEL_CORRELATION, _LEVEL_SD = 0.9, 0.25
_TREND_SD, _COUNTY_SHAPE, _DISPERSION, _SECOND_HARMONIC = 0.05, 1.5, 1.5, 0.2
_WEEKDAYS = np.array([1.2, 1.15, 1.1, 1.1, 1.05, 0.7, 0.7])
_MEDIAN_DAYS, _DAYS_OF_TRIGGER = 3.0, 7


class Disease(NamedTuple):
    """A disease of the moving percentile.

    ``mean`` cases a county and week; ``peak`` week of the year and ``amplitude`` on the log scale; ``percentile`` of CIDARS
    after its evaluation; ``trigger`` cases in one unit within 7 days that must be reported as an event, 0 where the code
    has none of that form.
    """

    name: str
    mean: float
    peak: float
    amplitude: float
    percentile: float
    trigger: int


#: Mean and season of the first eleven: national monthly figures 2010-2012 (``anlan.datasets.cn_notifiable_monthly``) over
#: 2,900 counties. The other eight are assumed, of the order of the national bulletins of 2010.
DISEASES = (
    Disease("dysentery", 1.53, 30, 0.72, 50, 10),
    Disease("other infectious diarrhoea", 5.48, 36, 0.44, 60, 20),
    Disease("mumps", 2.75, 23, 0.28, 60, 10),
    Disease("hepatitis A", 0.20, 26, 0.08, 70, 5),
    Disease("hepatitis C", 1.26, 21, 0.05, 90, 0),
    Disease("influenza", 0.56, 4, 0.49, 70, 30),
    Disease("measles", 0.14, 17, 1.18, 90, 10),
    Disease("typhoid and paratyphoid", 0.087, 32, 0.41, 90, 5),
    Disease("typhus", 0.015, 34, 0.44, 90, 0),
    Disease("meningococcal disease", 0.002, 10, 0.86, 90, 3),
    Disease("leptospirosis", 0.003, 37, 1.50, 90, 5),
    Disease("rubella", 0.29, 18, 1.0, 70, 10),
    Disease("scarlet fever", 0.14, 21, 0.6, 90, 10),
    Disease("hepatitis E", 0.16, 12, 0.3, 90, 5),
    Disease("acute haemorrhagic conjunctivitis", 0.25, 36, 0.8, 90, 0),
    Disease("haemorrhagic fever with renal syndrome", 0.063, 46, 0.7, 90, 5),
    Disease("malaria", 0.05, 32, 0.8, 90, 0),
    Disease("Japanese encephalitis", 0.017, 32, 2.0, 80, 5),
    Disease("dengue", 0.002, 38, 1.5, 90, 5),
)


@dataclass(frozen=True)
class CountyDays:
    """Counts by day of each disease in each county, with the outbreaks that are in them.

    Attributes
    ----------
    days : ndarray of shape (n_series, n_days)
        Counts, outbreaks included; the first day is a Monday. Series of a county stand together.
    county, disease : ndarray of int64, shape (n_series,)
        Number of the county, and place in ``DISEASES``.
    outbreak_series, outbreak_first, outbreak_last : ndarray of int64, shape (n_outbreaks,)
        Series, day of the beginning and day of the last case, the days counted from the first.
    first_tested : int
        First week that is judged.
    """

    days: FloatArray
    county: IntArray
    disease: IntArray
    outbreak_series: IntArray
    outbreak_first: IntArray
    outbreak_last: IntArray
    first_tested: int = HISTORY_WEEKS

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Each day."""
        return FIRST_DAY + np.arange(self.days.shape[1])

    @property
    def weeks(self) -> FloatArray:
        """Counts by week, Monday to Sunday, shape (n_series, n_weeks)."""
        found: FloatArray = self.days.reshape(len(self.days), -1, 7).sum(axis=2)
        return found

    @property
    def tested_weeks(self) -> IntArray:
        """Weeks that are judged."""
        return np.arange(self.first_tested, self.days.shape[1] // 7, dtype=np.int64)

    @property
    def tested_days(self) -> IntArray:
        """Days that are judged."""
        return np.arange(7 * self.first_tested, self.days.shape[1], dtype=np.int64)

    @property
    def judged_outbreaks(self) -> BoolArray:
        """Which outbreaks began in a week that is judged."""
        found: BoolArray = self.outbreak_first >= 7 * self.first_tested
        return found

    @property
    def outbreak_weeks(self) -> BoolArray:
        """Judged weeks from the beginning of an outbreak to its last case, shape (n_series, n_tested_weeks)."""
        inside = np.zeros((len(self.days), len(self.tested_weeks)), dtype=bool)
        first = np.maximum(self.outbreak_first // 7 - self.first_tested, 0)
        # 0 for an outbreak that ended before the first judged week.
        stop = np.maximum(self.outbreak_last // 7 - self.first_tested + 1, 0)
        for series, begin, end in zip(self.outbreak_series, first, stop, strict=True):
            inside[series, begin:end] = True
        return inside


def simulate_county_days(
    n_counties: int,
    *,
    generator: np.random.Generator,
    outbreaks_per_1000: float = PUBLISHED_OUTBREAKS_PER_1000,
    judged_per_1000: float | None = None,
    size: float = 1.0,
) -> CountyDays:
    """Simulate the daily counts of 19 diseases in counties over eight years, of which the last two are judged.

    The weekly mean of a series is that of the disease times a gamma(1.5) factor of the county, a trend (normal, sd 5 % a
    year), a season (that of the disease and a second harmonic of 0.2 of each series' own) and an AR(1) by week on the
    log scale (correlation 0.9, sd 0.25); days are negative binomial with variance 1.5 times their mean. Outbreaks, in the
    history as well, begin on any day in any county; the diseases share them in proportion to their mean, those without a
    trigger have none. An outbreak has ``size`` times the trigger of its disease, all within seven days.

    Parameters
    ----------
    n_counties : int, at least 1
    generator : numpy.random.Generator
    outbreaks_per_1000 : float, default 4.95
        Outbreaks in 1,000 county-weeks.
    judged_per_1000 : float, optional
        Another number for the weeks that are judged: more outbreaks to choose a threshold from. None: the same.
    size : float, default 1.0
        Cases of an outbreak in triggers.

    Returns
    -------
    CountyDays
        19 * ``n_counties`` series.

    Raises
    ------
    ParameterError
        If an argument is not acceptable.
    """
    number = as_whole("n_counties", n_counties, at_least=1)
    rate = as_number("outbreaks_per_1000", outbreaks_per_1000, at_least=0)
    factor = as_number("size", size, above=0)
    county = np.repeat(np.arange(number), len(DISEASES))
    disease = np.tile(np.arange(len(DISEASES)), number)
    mean = _weekly_means(disease, generator)
    daily = (mean[:, :, np.newaxis] * _WEEKDAYS / 7).reshape(len(mean), -1)
    excess = _DISPERSION - 1
    days = generator.negative_binomial(daily / excess, 1 / _DISPERSION).astype(np.float64)
    judged = rate if judged_per_1000 is None else as_number("judged_per_1000", judged_per_1000, at_least=0)
    series, first, last, cases = _outbreaks(number, rate, judged, factor, generator)
    np.add.at(days, (cases[0], cases[1]), 1.0)
    return CountyDays(days, county, disease, series, first, last)


def _weekly_means(disease: IntArray, generator: np.random.Generator) -> FloatArray:
    n, week = len(disease), np.arange(N_DAYS // 7)
    table = np.array([[item.mean, item.peak, item.amplitude] for item in DISEASES])[disease]
    base = table[:, 0] * generator.gamma(_COUNTY_SHAPE, 1 / _COUNTY_SHAPE, size=n)
    own = generator.uniform(0, _YEAR, size=(n, 1))
    season = table[:, 2:3] * np.cos(2 * np.pi * (week - table[:, 1:2]) / _YEAR)
    season = season + _SECOND_HARMONIC * np.cos(4 * np.pi * (week - own) / _YEAR)
    trend = generator.normal(0, _TREND_SD, size=(n, 1)) * (week - week.mean()) / _YEAR
    level = np.empty((n, len(week)))
    now = generator.normal(0, _LEVEL_SD, size=n)
    for place in range(len(week)):
        now = _LEVEL_CORRELATION * now + generator.normal(
            0, _LEVEL_SD * np.sqrt(1 - _LEVEL_CORRELATION**2), size=n
        )
        level[:, place] = now
    # The season keeps the mean of the year, and the level that of its exponential.
    season = season - np.log(np.exp(season).mean(axis=1, keepdims=True))
    found: FloatArray = base[:, np.newaxis] * np.exp(season + trend + level - _LEVEL_SD**2 / 2)
    return found


def _outbreaks(
    n_counties: int, rate: float, judged: float, factor: float, generator: np.random.Generator
) -> tuple[IntArray, IntArray, IntArray, tuple[IntArray, IntArray]]:
    """Series, first day, day of the last case; and of every case its series and day."""
    past, now = generator.poisson(n_counties * np.array([rate * HISTORY_WEEKS, judged * TESTED_WEEKS]) / 1000)
    number = past + now
    trigger = np.array([item.trigger for item in DISEASES])
    share = np.array([item.mean for item in DISEASES]) * (trigger > 0)
    disease = generator.choice(len(DISEASES), size=number, p=share / share.sum())
    series = generator.integers(0, n_counties, size=number) * len(DISEASES) + disease
    first = np.concatenate(
        [
            generator.integers(0, 7 * HISTORY_WEEKS, size=past),
            generator.integers(7 * HISTORY_WEEKS, N_DAYS - _DAYS_OF_TRIGGER + 1, size=now),
        ]
    )
    size = np.ceil(factor * trigger[disease]).astype(np.int64)
    place = np.repeat(np.arange(number), size)
    after = np.floor(generator.lognormal(np.log(_MEDIAN_DAYS), 0.5, size=len(place))).astype(np.int64)
    late = after >= _DAYS_OF_TRIGGER
    after[late] = generator.integers(0, _DAYS_OF_TRIGGER, size=int(late.sum()))
    day = first[place] + after
    last = first.copy()
    np.maximum.at(last, place, day)
    return series, first, last, (series[place], day)
