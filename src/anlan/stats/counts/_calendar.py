"""Dates that go on: what a streaming state needs to know of days, weeks and months."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]


def step_between(days: Days) -> Literal["day", "week", "month"]:
    """The step of two or more dates, by the first two."""
    apart = int((days[1] - days[0]).astype(np.int64))
    return "day" if apart == 1 else "week" if apart <= 7 else "month"


def following_dates(days: Days, n_new: int) -> Days:
    """The next dates of days, weeks or months.

    Months go on with the day of the month of the latest date, or with their last day where all dates are last days.
    """
    ahead = np.arange(1, n_new + 1)
    step = step_between(days)
    if step != "month":
        following: Days = days[-1] + (1 if step == "day" else 7) * ahead
        return following
    months = days.astype("datetime64[M]")
    first, last = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]") - 1
    new = months[-1] + ahead
    new_first, new_last = new.astype("datetime64[D]"), (new + 1).astype("datetime64[D]") - 1
    if (days == last).all():
        ends: Days = new_last
        return ends
    on: Days = np.minimum(new_first + (days - first).max(), new_last)
    return on
