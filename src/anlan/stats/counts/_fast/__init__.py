"""Compiled kernels of the count detectors, and when they are used.

Nothing here imports numba before a kernel is asked for, and a kernel is asked for only when the work repays its start:
importing numba and reading the compiled code from the cache takes about a second, compiling it the first time on a
machine tens of seconds. The plain NumPy path gives the same numbers (``tests/stats/counts/test_fast_*``), so that the
choice changes the time and nothing else. ``docs/explain/speed.md`` has the measurements behind the figures below.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Literal

from anlan.errors import MissingExtraError
from anlan.stats.counts._input import as_choice

Engine = Literal["auto", "plain", "compiled"]
ENGINES: tuple[str, ...] = ("auto", "plain", "compiled")

# A call takes the kernels by itself when they save it this long. Reading them from the cache costs half a second,
# compiling them once on a machine 12 to 16. The call alone decides, never what the process did before: plain and compiled
# numbers differ in the last digits, and the same question must get the same bytes.
WORTH_SECONDS = 3.0

_chosen: ContextVar[str] = ContextVar("anlan_counts_engine", default="auto")


@contextmanager
def engine(name: Engine) -> Iterator[None]:
    """Within the block, let the detectors choose (``auto``), or keep them to the ``plain`` or ``compiled`` path.

    Farrington flexible, EARS, CUSUM, outbreakP and the likelihood ratio charts have a compiled path, for all their
    options; methods without one take the plain one in any case. ``extra["compiled"]`` of Farrington flexible says which
    one ran, EARS gives the same bits by both, CUSUM the same statistics and alarms, outbreakP and the likelihood ratio
    charts the same alarms. The choice holds for this thread or task only.

    Raises
    ------
    ParameterError
        If ``name`` is not one of the three.
    MissingExtraError
        For ``compiled`` when numba is not installed.
    """
    as_choice("engine", name, ENGINES)
    if name == "compiled" and not is_installed():
        raise MissingExtraError(
            "The compiled path needs numba. Install anlan[fast].",
            key="stats.error.missing_extra",
            values={"extra": "fast", "package": "numba"},
        )
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


def is_installed() -> bool:
    """Whether numba can be imported; does not import it."""
    return "numba" in sys.modules or importlib.util.find_spec("numba") is not None


def kernels(name: str, seconds_saved: float) -> ModuleType | None:
    """The module ``_fast.<name>`` if it shall be used for work on which it saves so many seconds, else None.

    ``auto`` looks at this call alone (``WORTH_SECONDS``).
    """
    choice = _chosen.get()
    if choice == "plain" or not is_installed():
        return None
    full_name = f"{__name__}.{name}"
    if choice == "auto" and seconds_saved < WORTH_SECONDS:
        return None
    from anlan.stats.counts._fast import _cache

    with _cache.directory():
        return importlib.import_module(full_name)
