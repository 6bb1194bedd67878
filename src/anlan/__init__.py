"""anlan: early warning for a city and its counties, from a reading to a closed case.

The library half is what stands here: ``detect`` on tidy tables and ``plot`` of what it found, the array calls in ``anlan.stats``, the published
rules in ``anlan.standards`` and small real data sets in ``anlan.datasets``. The platform half (``anlan.store`` and
the rooms above it) is imported by name and needs the extra ``server``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anlan.frames import detect as detect
    from anlan.frames import plot as plot

__version__ = "0.1.0.dev0"
__all__ = ["__version__", "detect", "plot"]


def __getattr__(name: str) -> Any:
    # SciPy costs a third of a second; a program that only asks for the version does not pay for it.
    if name in ("detect", "plot"):
        from anlan import frames

        return getattr(frames, name)
    raise AttributeError(f"module 'anlan' has no attribute {name!r}")
