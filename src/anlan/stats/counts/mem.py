"""The moving epidemic method (MEM): thresholds for the start, the end and the intensity of a seasonal epidemic.

For influenza and other diseases that come every winter, where a comparison with the same season of past years says
nothing about a start that moves. Past seasons are cut into before, during and after (``_mem_model``); the highest
values before make the threshold for the start, those after the one for the end, those during the intensity levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts._mem_model import MemModel, find_epidemic, mem_model
from anlan.stats.counts._seasonal import iso_weeks
from anlan.stats.counts.anchors import TimeAxis, WeekAxis, time_axis
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason, exceedance_score

__all__ = ["INTERVALS", "find_epidemic", "mem", "mem_model"]

INTERVALS = ("point", "mean")
_REPORTED_SHARE = 0.75  # of a season's weeks, for the season to be used
_LEVELS = ("medium", "high", "very_high")


def mem(
    values: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    season_start: int = 40,
    season_end: int = 20,
    seasons: int = 10,
    min_seasons: int = 5,
    param: float = 2.8,
    n_max: int | None = None,
    level_threshold: float = 0.95,
    intensity_medium: float = 0.40,
    intensity_high: float = 0.90,
    intensity_very_high: float = 0.975,
    interval: str = "point",
) -> Detection:
    """Tell for each week whether the seasonal epidemic is on, and how intense it is.

    Parameters
    ----------
    values : array of shape (n_series, n_times) or (n_times,)
        Weekly rates (or counts) >= 0. NaN is not reported.
    dates : array of n_times dates, optional
        One day of each week, 7 days apart. Seasons follow the ISO week of that day; a week 53 is a week of its season.
        Without dates the first position is the first week of a season and ``frequency`` positions are a year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    frequency : int, optional
        Weeks in a year when there are no dates; default 52.
    season_start, season_end : int, default 40 and 20
        First and last ISO week of a season (R mem: 40 to 20). Equal to each other's neighbour: the whole year.
    seasons : int, default 10
        Latest complete seasons that the model uses. R mem 10.
    min_seasons : int, default 5
        Complete seasons below which nothing is decided. The authors advise five to ten; R mem takes two.
    param : float, default 2.8
        Slope criterion of the epidemic's length, in per cent of the season. R mem 2.8; 2.0 to 4.0 by cross-validation.
    n_max : int, optional
        Highest values of each season. Default 30 / number of seasons (R mem).
    level_threshold : float, default 0.95
        One-sided level of the thresholds for start and end. R mem 0.95.
    intensity_medium, intensity_high, intensity_very_high : float, default 0.40, 0.90, 0.975
        Levels of the intensity thresholds. R mem the same.
    interval : {"point", "mean"}, default "point"
        R mem type 5 (limit for a value) or type 1 (limit for the mean, as in some papers).

    Returns
    -------
    Detection
        ``upper`` is the pre-epidemic threshold until a week of the season has passed it, afterwards the post-epidemic
        one; ``expected`` the mean of the highest pre-epidemic values. ``p_value`` is NaN: the thresholds rest on
        selected highest values, which have no such distribution. ``extra``: ``pre_threshold``, ``post_threshold``,
        ``medium``, ``high``, ``very_high``, ``level`` (0 no epidemic, 1 low, 2 medium, 3 high, 4 very high), ``phase``
        (0 before, 1 epidemic, 2 after), ``in_season`` and ``n_seasons``.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Vega T, Lozano JE, Meerhoff T, et al. (2013). Influenza surveillance in Europe: establishing epidemic thresholds by
    the moving epidemic method. Influenza Other Respir Viruses 7(4): 546-558.
    Vega T, Lozano JE, Meerhoff T, et al. (2015). Influenza Other Respir Viruses 9(5): 234-246 (intensity).
    """
    rates = _input.as_series(values, name="values")
    axis = time_axis(rates.shape[1], dates=dates, frequency=frequency)
    if axis.step == "month":
        raise parameter_error("dates", "7 days apart (weeks)", "consecutive months")
    settings = _Settings(
        start=_input.as_whole("season_start", season_start, at_least=1, at_most=52),
        end=_input.as_whole("season_end", season_end, at_least=1, at_most=52),
        seasons=_input.as_whole("seasons", seasons, at_least=2),
        least=_input.as_whole("min_seasons", min_seasons, at_least=2),
        param=_input.as_number("param", param, above=0),
        n_max=None if n_max is None else _input.as_whole("n_max", n_max, at_least=1),
        level=_input.as_number("level_threshold", level_threshold, at_least=0.5, below=1),
        intensity=_intensity(intensity_medium, intensity_high, intensity_very_high),
        interval=_input.as_choice("interval", interval, INTERVALS),
    )
    if settings.least > settings.seasons:
        raise parameter_error("min_seasons", f"an int <= seasons ({settings.seasons})", min_seasons)
    positions = _input.as_positions(evaluate, rates.shape[1])
    return _Run(rates, positions, _season_calendar(axis, rates.shape[1], settings), settings).detection()


@dataclass(frozen=True)
class _Settings:
    start: int
    end: int
    seasons: int
    least: int
    param: float
    n_max: int | None
    level: float
    intensity: tuple[float, ...]
    interval: str


def _intensity(*levels: float) -> tuple[float, ...]:
    checked = tuple(
        _input.as_number(f"intensity_{name}", level, above=0, below=1)
        for name, level in zip(_LEVELS, levels, strict=True)
    )
    if not checked[0] < checked[1] < checked[2]:
        raise parameter_error("intensity_medium", "< intensity_high < intensity_very_high", checked)
    return checked


@dataclass(frozen=True)
class _Calendar:
    """``season`` number of each position, whether it is ``inside`` the weeks of the season, and the complete seasons."""

    season: IntArray
    inside: BoolArray
    complete: frozenset[int]

    def weeks(self, season: int) -> IntArray:
        return np.flatnonzero((self.season == season) & self.inside)


def _season_calendar(axis: TimeAxis, n_times: int, settings: _Settings) -> _Calendar:
    if isinstance(axis, WeekAxis):
        year, week = iso_weeks(axis.dates)
        last_week = settings.end
    else:
        number = np.arange(n_times)
        year, week = number // axis.frequency, number % axis.frequency + 1
        # Positions count from the first week of the season on.
        last_week = (settings.end - settings.start) % axis.frequency + 1
        settings = replace(settings, start=1, end=last_week)
    season = np.where(week >= settings.start, year, year - 1)
    if settings.start <= settings.end:
        inside = (week >= settings.start) & (week <= settings.end)
    else:
        inside = (week >= settings.start) | (week <= settings.end)
    complete = set()
    for number_ in np.unique(season):
        weeks = np.flatnonzero((season == number_) & inside)
        if weeks.size and week[weeks[0]] == settings.start and week[weeks[-1]] == last_week:
            complete.add(int(number_))
    return _Calendar(season, inside, frozenset(complete))


class _Run:
    """Collects the seasons one by one: the model of a season serves all its weeks."""

    def __init__(
        self, rates: FloatArray, positions: IntArray, calendar: _Calendar, settings: _Settings
    ) -> None:
        self.rates, self.positions, self.calendar, self.settings = rates, positions, calendar, settings
        shape = (len(rates), len(positions))
        self.reason = np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8)
        names = ("expected", "upper", "pre_threshold", "post_threshold", *_LEVELS, "n_seasons")
        self.out = {name: np.full(shape, np.nan) for name in names}
        self.started = np.zeros(shape, dtype=bool)

    def detection(self) -> Detection:
        for season in np.unique(self.calendar.season[self.positions]).tolist():
            places = np.flatnonzero(self.calendar.season[self.positions] == season)
            past = [number for number in sorted(self.calendar.complete) if number < season]
            past = past[-self.settings.seasons :]
            if len(past) >= self.settings.least:
                for rows, usable in self._patterns(past):
                    self._fill(rows, places, season, usable)
        return self._finish()

    def _patterns(self, past: list[int]) -> Iterator[tuple[IntArray, list[int]]]:
        """Series with the same usable seasons together."""
        weeks = [self.calendar.weeks(season) for season in past]
        reported = np.array([(~np.isnan(self.rates[:, at])).mean(axis=1) >= _REPORTED_SHARE for at in weeks])
        kinds, which = np.unique(reported, axis=1, return_inverse=True)
        for number in range(kinds.shape[1]):
            usable = [season for season, there in zip(past, kinds[:, number], strict=True) if there]
            yield np.flatnonzero(which.reshape(-1) == number), usable

    def _fill(self, rows: IntArray, places: IntArray, season: int, usable: list[int]) -> None:
        settings = self.settings
        block = np.ix_(rows, places)
        self.out["n_seasons"][block] = len(usable)
        if len(usable) < settings.least:
            self.reason[block] = Reason.INCOMPLETE_REFERENCE
            return
        model = mem_model(
            [self.rates[np.ix_(rows, self.calendar.weeks(number))] for number in usable],
            param=settings.param, n_max=settings.n_max, level_threshold=settings.level,
            level_intensity=settings.intensity, interval=settings.interval,
        )  # fmt: skip
        started = self._started(rows, places, season, model)
        post = np.where(np.isnan(model.post), model.pre, model.post)
        upper = np.where(started, post[:, np.newaxis], model.pre[:, np.newaxis])
        empty = np.array([found.length == 0 for found in model.timing]).all(axis=0)
        good = (model.n_values > 1) & np.isfinite(model.pre)
        reason = np.where(
            good, np.where(empty, Reason.ZERO_REFERENCE, Reason.OK), Reason.INCOMPLETE_REFERENCE
        )
        self.reason[block] = reason[:, np.newaxis]
        self.started[block] = started
        self.out["upper"][block] = upper
        columns = [model.mean, model.pre, model.post, *model.intensity.T]
        for name, column in zip(
            ("expected", "pre_threshold", "post_threshold", *_LEVELS), columns, strict=True
        ):
            self.out[name][block] = column[:, np.newaxis]

    def _started(self, rows: IntArray, places: IntArray, season: int, model: MemModel) -> BoolArray:
        """Whether an earlier week of this season has passed the pre-epidemic threshold."""
        weeks = np.flatnonzero(self.calendar.season == season)
        with np.errstate(invalid="ignore"):
            above = self.rates[np.ix_(rows, weeks)] > model.pre[:, np.newaxis]
        earlier = np.zeros((len(rows), len(weeks)), dtype=bool)
        earlier[:, 1:] = np.logical_or.accumulate(above, axis=1)[:, :-1]
        found: BoolArray = earlier[:, self.positions[places] - weeks[0]]
        return found

    def _finish(self) -> Detection:
        out, observed = self.out, self.rates[:, self.positions]
        reason = self.reason
        reason[np.isnan(observed) & (reason != Reason.SHORT_HISTORY)] = Reason.MISSING_CURRENT
        decided = (reason == Reason.OK) | (reason == Reason.ZERO_REFERENCE)
        with np.errstate(invalid="ignore"):
            alarm = decided & (observed > out["upper"])
            above = sum(
                ((observed > out[name]).astype(np.float64) for name in _LEVELS), np.zeros(observed.shape)
            )
        level = np.where(decided, np.where(alarm, 1.0 + above, 0.0), np.nan)
        phase = np.where(decided, np.where(alarm, 1.0, np.where(self.started, 2.0, 0.0)), np.nan)
        inside = np.broadcast_to(self.calendar.inside[self.positions], observed.shape)
        extra = {name: out[name] for name in ("pre_threshold", "post_threshold", *_LEVELS, "n_seasons")}
        return Detection(
            method="mem",
            times=self.positions,
            observed=observed,
            expected=out["expected"],
            upper=out["upper"],
            score=exceedance_score(observed, out["expected"], out["upper"]),
            p_value=np.full(observed.shape, np.nan),
            alarm=alarm,
            reason=reason,
            extra={**extra, "level": level, "phase": phase, "in_season": inside.copy()},
        )
