"""The contract that every detector keeps, as a kit that outside authors can run on theirs.

``check_detector(method)`` raises ``AssertionError`` with the broken promise. It uses only NumPy, so that it needs no
test framework. The methods of anlan run it in their tests, those of other packages should (docs/howto/new-detector.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anlan.errors import ParameterError
from anlan.stats.counts.result import Detection, FloatArray, Reason

if TYPE_CHECKING:
    from anlan.stats.counts.methods import Method, Parameter

_EXTRA_TIMES = 12
_PERIODS_A_YEAR = {"day": 365, "week": 52, "month": 12}
_INFINITE = "an infinite limit must have a reason"
_ARRAYS = ("observed", "expected", "upper", "score", "p_value", "alarm", "reason")


def check_detector(method: Method, *, seed: int = 0, **parameters: Any) -> None:
    """Run the contract of a detector.

    Shapes and types of the result; reasons and alarms that agree; it decides after ``history`` periods and says so
    before; batch equals one by one; the order of the series does not matter; a later period changes no earlier result;
    evaluating some periods equals evaluating all; period by period (``begin``, ``update``) equals batch; missing is not
    zero and gaps are answered; whole numbers, short floats and None for missing give the same; days, weeks across years
    of 53, and ends of months are understood; the input is not changed; empty, short and all-zero input is answered, and
    wrong input is refused with the name of the argument.

    Parameters
    ----------
    method : Method
        The method, registered or not.
    seed : int, default 0
        Seed of the simulated series.
    **parameters
        Passed on to the method (those without a default have to be given).

    Raises
    ------
    AssertionError
        With the promise that is broken.
    """
    kit = _Kit(method, parameters, np.random.default_rng(seed))
    for check in kit.checks():
        check()


class _Kit:
    def __init__(self, method: Method, parameters: dict[str, Any], generator: np.random.Generator) -> None:
        self.method, self.generator = method, generator
        if "frequency" not in parameters and any(item.name == "frequency" for item in method.parameters):
            # By position, where the need of history is exact: dated years are longer by a day or a week now and then.
            parameters = {**parameters, "frequency": _PERIODS_A_YEAR[method.steps[0]]}
        self.parameters = parameters
        self.history = method.history_needed(method.steps[0], **parameters)
        self.counts = self._series(5)

    def checks(self) -> Iterator[Callable[[], None]]:
        yield self.shapes_and_types
        yield self.alarms_have_reasons
        yield self.decides_after_its_history
        yield self.says_when_history_is_short
        yield self.batch_equals_one_by_one
        yield self.order_does_not_matter
        yield self.later_periods_change_nothing
        yield self.evaluating_some_equals_all
        yield self.period_by_period_equals_batch
        yield self.missing_is_not_zero
        yield self.gaps_are_answered
        yield self.number_types_do_not_matter
        yield self.dates_are_understood
        yield self.input_is_not_changed
        yield self.small_inputs_are_answered
        yield self.wrong_input_is_refused
        yield self.wrong_parameters_are_refused

    def _series(self, n_series: int) -> FloatArray:
        n_times = self.history + _EXTRA_TIMES
        mean = self.generator.uniform(0.2, 40.0, size=(n_series, 1))
        season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(n_times) / 52)
        counts = self.generator.negative_binomial(2.0, 2.0 / (2.0 + mean * season)).astype(np.float64)
        counts[:, -1] += np.floor(12 * mean[:, 0] + 20)
        counts[0, -3] = np.nan
        return counts

    def run(self, values: Any, **more: Any) -> Detection:
        return self.method.run(values, **self.parameters, **more)

    def _require(self, holds: object, promise: str) -> None:
        if not holds:
            raise AssertionError(f"{self.method.name}: {promise}")

    def _equal(self, left: Detection, right: Detection, promise: str, pick: Any = slice(None)) -> None:
        for name in _ARRAYS:
            same = np.allclose(
                getattr(left, name).astype(np.float64),
                getattr(right, name)[pick].astype(np.float64),
                rtol=1e-9, atol=1e-9, equal_nan=True,
            )  # fmt: skip
            self._require(same, f"{promise} ({name} differs)")

    def shapes_and_types(self) -> None:
        found = self.run(self.counts)
        for name in _ARRAYS:
            self._require(
                getattr(found, name).shape == self.counts.shape, f"{name} must have the shape of the input"
            )
        for name, array in found.extra.items():
            self._require(array.shape == self.counts.shape, f"extra {name} must have the shape of the input")
        self._require(found.alarm.dtype == np.bool_, "alarm must be boolean")
        self._require(
            found.times.tolist() == list(range(self.counts.shape[1])), "times must be the positions"
        )
        self._require(
            np.array_equal(found.observed, self.counts, equal_nan=True), "observed must be the input"
        )
        self._require(found.method == self.method.name, "method must be the registered name")
        p_value = found.p_value[~np.isnan(found.p_value)]
        self._require(((p_value >= 0) & (p_value <= 1)).all(), "p_value must lie in 0 to 1")

    def alarms_have_reasons(self) -> None:
        found = self.run(self.counts)
        self._require(
            set(np.unique(found.reason)) <= {int(reason) for reason in Reason}, "reason must be a Reason"
        )
        decided = np.isin(found.reason, [int(reason) for reason in Reason if reason.is_decided])
        self._require(not (found.alarm & ~decided).any(), "no alarm without a decision")
        ok = found.reason == Reason.OK
        self._require(np.isfinite(found.upper[ok]).all(), "a decided value has a limit")
        self._require(
            (found.reason[np.isnan(self.counts)] != Reason.OK).all(), "a missing value is not decided"
        )

    def decides_after_its_history(self) -> None:
        complete = np.where(np.isnan(self.counts), 1.0, self.counts)
        reason = self.run(complete).reason
        self._require(
            (reason[:, self.history :] != Reason.SHORT_HISTORY).all(), "must decide after its history"
        )

    def says_when_history_is_short(self) -> None:
        if self.history < 1:
            return
        complete = np.where(np.isnan(self.counts), 1.0, self.counts)[:, -self.history :]
        short = self.run(complete, evaluate=[-1]).reason == Reason.SHORT_HISTORY
        self._require(short.all(), "must say SHORT_HISTORY one period before its history is there")

    def batch_equals_one_by_one(self) -> None:
        together = self.run(self.counts)
        for row in range(len(self.counts)):
            alone = self.run(self.counts[row : row + 1])
            self._equal(
                alone, together, "a series alone and in a batch must give the same", slice(row, row + 1)
            )

    def order_does_not_matter(self) -> None:
        order = self.generator.permutation(len(self.counts))
        self._equal(
            self.run(self.counts[order]), self.run(self.counts), "the order of series must not matter", order
        )

    def later_periods_change_nothing(self) -> None:
        whole = self.run(self.counts)
        for cut in (1, 5):
            earlier = self.run(self.counts[:, :-cut])
            self._equal(earlier, whole, "a later period must not change earlier results", np.s_[:, :-cut])

    def evaluating_some_equals_all(self) -> None:
        chosen = [self.counts.shape[1] - 1, self.counts.shape[1] - 4]
        some = self.run(self.counts, evaluate=chosen)
        self._require(some.times.tolist() == chosen, "times must be the evaluated positions")
        self._equal(
            some, self.run(self.counts), "evaluating some must equal evaluating all", np.s_[:, chosen]
        )

    def period_by_period_equals_batch(self) -> None:
        from anlan.stats.counts.streaming import begin, update  # it knows the table, which knows this kit

        n_times = self.counts.shape[1]
        for first in (n_times - 4, max(self.history - 2, 0)):
            state = begin(self.method, self.counts[:, :first], **self.parameters)
            parts = []
            for start, stop in ((first, first + 1), (first + 1, first + 4)):
                state, found = update(state, self.counts[:, start:stop])
                parts.append(found)
            times = [time for found in parts for time in found.times.tolist()]
            self._require(times == list(range(first, first + 4)), "times of a stream must go on")
            batch = self.run(self.counts, evaluate=slice(first, first + 4))
            for found, pick in zip(parts, (np.s_[:, :1], np.s_[:, 1:]), strict=True):
                self._equal(found, batch, "period by period must equal batch", pick)

    def missing_is_not_zero(self) -> None:
        gap = self.counts.copy()
        gap[:, -1] = np.nan
        self._require(
            (self.run(gap, evaluate=[-1]).reason != Reason.OK).all(),
            "a missing value must not be judged as if it were 0",
        )

    def gaps_are_answered(self) -> None:
        gaps = self.counts.copy()
        gaps[self.generator.random(gaps.shape) < 0.1] = np.nan
        gaps[1] = np.nan
        found = self.run(gaps, evaluate=slice(-_EXTRA_TIMES, None))
        self._require(not found.alarm[1].any(), "a series without a report must not alarm")
        self._require((found.reason[1] != Reason.OK).all(), "a series without a report must not be judged")
        self._require(not np.isinf(found.upper).any() or self._has_reason_for_infinite(found), _INFINITE)

    def _has_reason_for_infinite(self, found: Detection) -> bool:
        return bool((found.reason[np.isinf(found.upper)] != Reason.OK).all())

    def number_types_do_not_matter(self) -> None:
        whole = np.where(np.isnan(self.counts), 1.0, self.counts)
        expected = self.run(whole, evaluate=[-1])
        for kind in (np.int64, np.int32, np.float32):
            found = self.run(whole.astype(kind), evaluate=[-1])
            self._equal(found, expected, f"numbers of type {kind.__name__} must give the same")
        given = [[None if value != value else value for value in row] for row in self.counts.tolist()]
        expected = self.run(self.counts, evaluate=[-1])
        self._equal(
            self.run(given, evaluate=[-1]), expected, "lists with None for missing must give the same"
        )

    def dates_are_understood(self) -> None:
        if not self.method.uses_dates:
            return
        parameters = {name: value for name, value in self.parameters.items() if name != "frequency"}
        for step in self.method.steps:
            needed = self.method.history_needed(step, **parameters)
            values = self.generator.poisson(20, size=(2, needed + 4)).astype(np.float64)
            dates = _dates(step, needed + 4)
            found = self.method.run(values, dates=dates, evaluate=slice(-4, None), **parameters)
            short = found.reason == Reason.SHORT_HISTORY
            self._require(not short.any(), f"must decide after its history, also with the dates of a {step}")
            if step == "month":
                firsts = dates.astype("datetime64[M]").astype("datetime64[D]")
                same = self.method.run(values, dates=firsts, evaluate=slice(-4, None), **parameters)
                self._equal(same, found, "the first and the last day must mean the same month")

    def input_is_not_changed(self) -> None:
        before = self.counts.copy()
        self.run(self.counts)
        self._require(np.array_equal(before, self.counts, equal_nan=True), "the input must not be changed")

    def small_inputs_are_answered(self) -> None:
        for shape in ((0, 0), (0, 5), (3, 0), (1, 1)):
            found = self.run(np.zeros(shape))
            self._require(
                found.alarm.shape == shape, f"input of shape {shape} must be answered in that shape"
            )
        zeros = self.run(np.zeros_like(self.counts))
        self._require(not zeros.alarm.any(), "series of zeros must not alarm")
        self._require(not np.isinf(zeros.upper).any(), "series of zeros must not give infinite limits")

    def wrong_input_is_refused(self) -> None:
        wrong: list[tuple[str, Any]] = [
            ("an infinite value", np.array([[1.0, np.inf]])),
            ("three dimensions", np.zeros((2, 2, 2))),
            ("text", [["a", "b"]]),
        ]
        if self.method.kinds == ("count",):
            wrong.append(("a negative count", np.array([[1.0, -1.0]])))
        for what, values in wrong:
            try:
                self.run(values)
            except ParameterError:
                continue
            raise AssertionError(f"{self.method.name}: {what} must be refused with a ParameterError")
        try:
            self.run(self.counts, evaluate=[self.counts.shape[1]])
        except ParameterError as error:
            self._require("evaluate" in str(error), "an error must name the argument")
        else:
            raise AssertionError(f"{self.method.name}: a position outside must be refused")

    def wrong_parameters_are_refused(self) -> None:
        for parameter in self.method.parameters:
            for value in _outside(parameter):
                try:
                    self.method.run(self.counts[:, :2], **{**self.parameters, parameter.name: value})
                except ParameterError as error:
                    self._require(parameter.name in str(error), "an error must name the parameter")
                else:
                    raise AssertionError(
                        f"{self.method.name}: {parameter.name} = {value!r} must be refused: the table says "
                        f"{parameter.accepted}"
                    )


def _outside(parameter: Parameter) -> list[Any]:
    """Values that the table says are not accepted."""
    return [
        *([] if parameter.at_least is None else [parameter.at_least - 1]),
        *([] if parameter.at_most is None else [parameter.at_most + 1]),
        *([] if parameter.above is None else [parameter.above]),
        *([] if parameter.below is None else [parameter.below]),
        *(["no such choice"] if parameter.choices else []),
        *(["yes"] if parameter.kind == "bool" else []),
        *([float("nan"), "many"] if parameter.kind in ("int", "float") else []),
    ]


def _dates(step: str, n_times: int) -> NDArray[np.datetime64]:
    """Dates up to spring 2021: over 29 February 2020, the weeks 53 of 2015 and 2020, and last days of months."""
    back = np.arange(n_times)[::-1]
    if step == "month":
        ends: NDArray[np.datetime64] = (np.datetime64("2021-04") - back).astype("datetime64[D]") - 1
        return ends
    days: NDArray[np.datetime64] = np.datetime64("2021-03-01") - (7 if step == "week" else 1) * back
    return days
