"""The contract that every detector keeps, as a kit that outside authors can run on theirs.

``check_detector(method)`` raises ``AssertionError`` with the broken promise. It uses only NumPy, so that it needs no
test framework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from anlan.errors import ParameterError
from anlan.stats.counts.result import Detection, FloatArray, Reason

if TYPE_CHECKING:
    from anlan.stats.counts.methods import Method

_EXTRA_TIMES = 12
_ARRAYS = ("observed", "expected", "upper", "score", "p_value", "alarm", "reason")


def check_detector(method: Method, *, seed: int = 0, **parameters: Any) -> None:
    """Run the contract of a detector.

    Shapes and types of the result; reasons and alarms that agree; batch equals one by one; the order of the series
    does not matter; a later period changes no earlier result; missing is not zero; the input is not changed; empty,
    short and all-zero input is answered, and wrong input is refused with the name of the argument.

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
        self.method, self.parameters, self.generator = method, parameters, generator
        self.history = method.history_needed(method.steps[0], **parameters)
        self.counts = self._series(5)

    def checks(self) -> Iterator[Callable[[], None]]:
        yield self.shapes_and_types
        yield self.alarms_have_reasons
        yield self.decides_after_its_history
        yield self.batch_equals_one_by_one
        yield self.order_does_not_matter
        yield self.later_periods_change_nothing
        yield self.evaluating_some_equals_all
        yield self.missing_is_not_zero
        yield self.input_is_not_changed
        yield self.small_inputs_are_answered
        yield self.wrong_input_is_refused

    def _series(self, n_series: int) -> FloatArray:
        n_times = self.history + _EXTRA_TIMES
        mean = self.generator.uniform(0.2, 40.0, size=(n_series, 1))
        season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(n_times) / 52)
        counts = self.generator.negative_binomial(2.0, 2.0 / (2.0 + mean * season)).astype(np.float64)
        counts[:, -1] += 12 * mean[:, 0] + 20
        counts[0, -3] = np.nan
        return counts

    def run(self, values: FloatArray, **more: Any) -> Detection:
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

    def missing_is_not_zero(self) -> None:
        gap = self.counts.copy()
        gap[:, -1] = np.nan
        self._require(
            (self.run(gap, evaluate=[-1]).reason != Reason.OK).all(),
            "a missing value must not be judged as if it were 0",
        )

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
