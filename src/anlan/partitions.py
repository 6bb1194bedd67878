"""Detection over a folder of Parquet partitions, on one core, on all of a machine, or on a cluster.

Each partition is a tidy table as ``anlan.detect`` takes it and holds whole series. The work of one partition is one
task: read, detect, write. Tasks are handed to any ``concurrent.futures.Executor`` (threads, processes, or Dask through
``Client.get_executor``); which one it is changes the time and nothing else, because a task depends on its file and
its options only. The results become visible all at once, when every partition has succeeded.
"""

from __future__ import annotations

import os
import shutil
import time as clock
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from anlan.errors import AnlanError, InputError, MissingExtraError, Problem
from anlan.frames._errors import input_error, parameter_error, shown_list
from anlan.frames.detection import Found, detect_series
from anlan.frames.grid import SeriesGrid, read_series
from anlan.frames.times import period_dates
from anlan.stats.counts import method_named
from anlan.stats.counts._fast import ENGINES, Engine, is_installed
from anlan.stats.counts._fast import engine as engine_of

if TYPE_CHECKING:
    import polars as pl

KEEP = ("alarms", "all")

# About thirty thousand series of six years: below that the start of the kernels in each worker is not repaid.
_ROWS_FOR_COMPILED = 10_000_000


class HasExecutor(Protocol):
    """A Dask client, or whatever else lends an executor."""

    def get_executor(self) -> Executor: ...


@dataclass(frozen=True)
class Part:
    """What was done with one partition. ``seconds`` are those of the task itself, where it ran."""

    file: str
    n_rows: int
    n_series: int
    n_alarms: int
    seconds: float


@dataclass(frozen=True)
class PartitionRun:
    """All partitions, in the order of their names. ``seconds`` is the time that the caller waited."""

    parts: tuple[Part, ...]
    target: Path
    seconds: float

    @property
    def n_series(self) -> int:
        return sum(part.n_series for part in self.parts)

    @property
    def n_alarms(self) -> int:
        return sum(part.n_alarms for part in self.parts)

    def overhead(self, workers: int) -> float:
        """Share of the workers' time that was not spent in tasks; it counts start-up, transport and waiting."""
        busy = sum(part.seconds for part in self.parts)
        return 1 - busy / (workers * self.seconds) if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class _Options:
    time: str | tuple[str, ...]
    value: str
    by: tuple[str, ...]
    method: str
    last: int | None
    step: str | None
    missing: str
    unordered: str
    population: str | None
    keep: str
    engine: Engine
    parameters: Mapping[str, Any] = field(default_factory=dict)


def detect_partitions(
    source: str | Path,
    target: str | Path,
    *,
    time: str | Sequence[str],
    value: str,
    by: str | Sequence[str],
    method: str = "farrington_flexible",
    last: int | None = 1,
    executor: Executor | HasExecutor | None = None,
    keep: str = "alarms",
    step: str | None = None,
    missing: str = "gap",
    unordered: str = "error",
    population: str | None = None,
    engine: Engine = "auto",
    **parameters: Any,
) -> PartitionRun:
    """Detect in every ``*.parquet`` below ``source`` and write the findings under the same names below ``target``.

    Parameters
    ----------
    source : path
        Folder of partitions. A series must lie in one partition with its whole history.
    target : path
        Folder to make; it must not exist, or be empty.
    time, value, by, method, step, missing, unordered, population, **parameters
        As for ``anlan.detect``. Files in which the rows of each series stand together, all on the same periods, are
        read without sorting: several times faster, with the same result.
    last : int, optional
        Judge only the latest so many periods of each partition; default 1. None: all.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where the tasks run. None: one after another in this thread. Workers must see both folders.
    keep : {"alarms", "all"}, default "alarms"
        Which findings to write.
    engine : {"auto", "plain", "compiled"}, default "auto"
        Whether compiled kernels are used. ``auto`` decides by the number of rows, once for all partitions, so that the
        findings are the same to the last bit wherever they are made.

    Returns
    -------
    PartitionRun

    Raises
    ------
    InputError
        If there is no partition, a partition cannot be used (all such are named), or a series is in two of them.
        Nothing is left behind then.
    ParameterError
        If an argument is not acceptable.
    """
    began = clock.perf_counter()
    _need_polars()
    _choice("engine", engine, ENGINES)
    method_named(method)
    folder, final = Path(source), Path(target)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.parquet")) if folder.is_dir() else []
    options = _Options(
        time if isinstance(time, str) else tuple(time), value, (by,) if isinstance(by, str) else tuple(by), method,
        last, step, missing, unordered, population, _choice("keep", keep, KEEP), _settled_engine(engine, [folder / name for name in files]),
        dict(parameters),
    )  # fmt: skip
    if not files:
        raise input_error("library.error.no_partitions", folder=str(folder))
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise parameter_error("library.error.partition_target", folder=str(final))
    draft = final.with_name(f".{final.name}-{uuid4().hex}")
    draft.mkdir(parents=True)
    try:
        done = _run_all(executor, [(str(folder / name), str(draft / name), options) for name in files])
        _refuse_doubled(files, [keys for _, keys in done])
        if final.exists():
            final.rmdir()
        os.replace(draft, final)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    parts = tuple(
        Part(str(name), part.n_rows, part.n_series, part.n_alarms, part.seconds)
        for name, (part, _) in zip(files, done, strict=True)
    )
    return PartitionRun(parts, final, clock.perf_counter() - began)


def _settled_engine(chosen: Engine, files: list[Path]) -> Engine:
    """Decide once for all tasks: in a worker ``auto`` would depend on what it did before, and so the last digits."""
    if chosen != "auto":
        return chosen
    return "compiled" if is_installed() and sum(map(_n_rows, files)) >= _ROWS_FOR_COMPILED else "plain"


def _n_rows(file: Path) -> int:
    import polars as pl

    try:
        return int(pl.scan_parquet(file).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError):
        return 0  # its task will say what is wrong with it


_Done = tuple[Part, NDArray[np.uint64]]
_Task = tuple[str, str, _Options]


def _run_all(executor: Executor | HasExecutor | None, tasks: list[_Task]) -> list[_Done]:
    """Run the tasks and wait for all; what is wrong with the partitions is reported together."""
    calls: list[Callable[[], _Done]] = [partial(_detect_file, *task) for task in tasks]
    if executor is not None:
        pool = executor if isinstance(executor, Executor) else executor.get_executor()
        futures: list[Future[_Done]] = [pool.submit(_detect_file, *task) for task in tasks]
        calls = [future.result for future in futures]
    done: list[_Done] = []
    problems: list[Problem] = []
    for (file, _, _), call in zip(tasks, calls, strict=True):
        try:
            done.append(call())
        except InputError as error:
            where = {"file": file}
            problems += [Problem(error.key, error.values, where, error.message)]
            problems += [Problem(p.key, p.values, {**where, **p.where}, p.message) for p in error.problems]
    if problems:
        named = {str(problem.where["file"]) for problem in problems}
        raise input_error(
            "library.error.partitions", problems, count=len(named), files=shown_list(sorted(named), 3)
        )
    return done


def _refuse_doubled(files: list[Path], keys: list[NDArray[np.uint64]]) -> None:
    owner = np.repeat(np.arange(len(keys)), [len(part) for part in keys])
    everything = np.concatenate(keys)
    order = np.argsort(everything, kind="stable")
    same = np.flatnonzero(np.diff(everything[order]) == 0)
    if same.size:
        first, second = (str(files[owner[order[place]]]) for place in (same[0], same[0] + 1))
        raise input_error("library.error.partition_doubled", count=int(same.size), first=first, second=second)


def _detect_file(source: str, target: str, options: _Options) -> _Done:
    """The task: one partition, start to end. Runs in whatever thread, process or machine the executor has."""
    import polars as pl

    began = clock.perf_counter()
    keys = [options.time] if isinstance(options.time, str) else list(options.time)
    wanted = [*keys, options.value, *options.by, *([options.population] if options.population else [])]
    try:
        there = pl.read_parquet_schema(source)
        table = pl.read_parquet(source, columns=[name for name in dict.fromkeys(wanted) if name in there])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise input_error("library.error.partition_unreadable", file=source, reason=str(error)) from error
    with engine_of(options.engine):
        found = _detect(table, options)
    result = found.table().to_native()
    n_alarms = int(found.result.alarm.sum())
    if options.keep == "alarms":
        result = result.filter(pl.col("alarm"))
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    result.write_parquet(path)
    first_rows = table[found.grid.row_of_series].select(options.by)
    part = Part(source, len(table), len(found.grid.values), n_alarms, clock.perf_counter() - began)
    return part, first_rows.hash_rows(seed=0).to_numpy()


def _detect(table: pl.DataFrame, options: _Options) -> Found:
    chosen = method_named(options.method)
    grid = _read_regular(table, options, counts=chosen.kinds == ("count",))
    if grid is None or grid.step not in chosen.steps:
        return detect_series(
            table, time=options.time, value=options.value, by=options.by, method=options.method, step=options.step,
            missing=options.missing, unordered=options.unordered, population=options.population, last=options.last,
            parameters=options.parameters,
        )  # fmt: skip
    # The first series goes through the whole door, so that arguments are checked and times are read as they are there.
    n_times = grid.values.shape[1]
    detect_series(
        table.head(n_times), time=options.time, value=options.value, by=options.by, method=options.method,
        step=options.step, last=options.last, parameters=options.parameters,
    )  # fmt: skip
    result = chosen.run(
        grid.values,
        dates=period_dates(grid.step, grid.ordinals),
        evaluate=None if options.last is None else slice(-options.last, None),
        **options.parameters,
    )
    return Found(grid, result, options.method, options.parameters)


def _read_regular(table: pl.DataFrame, options: _Options, *, counts: bool) -> SeriesGrid | None:
    """The grid of a table whose series stand one after another on the same periods; None for any other table."""
    columns = {options.time, options.value, *options.by}
    if (
        not isinstance(options.time, str)
        or options.population
        or not columns <= set(table.columns)
        or len(table) < 2
    ):
        return None
    times, value = table[options.time], table[options.value]
    if not (times.dtype.is_temporal() or times.dtype.is_integer()) or times.null_count():
        return None
    ticks = times.to_physical().to_numpy()
    falls = np.flatnonzero(ticks[1:] <= ticks[:-1])
    n_times = int(falls[0]) + 1 if falls.size else len(ticks)
    if len(ticks) % n_times or not (ticks.reshape(-1, n_times) == ticks[:n_times]).all():
        return None
    if not _keys_stand_together(table, options.by, n_times):
        return None
    values = _checked_values(value, counts)
    if values is None:
        return None
    try:
        head = read_series(
            table.head(n_times), time=options.time, value=options.value, by=options.by, step=options.step
        )
    except AnlanError:
        return None
    if head.values.shape[1] != n_times:
        return None
    rows = np.arange(0, len(ticks), n_times, dtype=np.int64)
    frame: nw.DataFrame[Any] = nw.from_native(table, eager_only=True)
    return SeriesGrid(
        frame, options.by, head.times, head.first, values.reshape(-1, n_times), rows, len(ticks)
    )


def _keys_stand_together(table: pl.DataFrame, by: tuple[str, ...], n_times: int) -> bool:
    for name in by:
        column = table[name]
        if column.null_count() or column.dtype.is_float() or column.dtype.is_nested():
            return False
        changes = np.flatnonzero((column != column.shift(1)).fill_null(False).to_numpy())
        if (changes % n_times).any():
            return False
    first = table.gather_every(n_times).select(by)
    return len(first) == 1 or (bool(by) and first.n_unique() == len(first))


def _checked_values(column: pl.Series, counts: bool) -> NDArray[np.float64] | None:
    """The values as float64, or None if one of them is not acceptable and the ordinary door has to say so."""
    if not column.dtype.is_numeric():
        return None
    import polars as pl

    values = np.asarray(column.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)
    bad = np.isinf(values)
    if counts and not column.dtype.is_unsigned_integer():
        with np.errstate(invalid="ignore"):
            bad |= (values < 0) | ((values != np.floor(values)) & ~np.isnan(values))
    return None if bad.any() else values


def _choice(name: str, given: Any, accepted: Sequence[str]) -> Any:
    if given not in accepted:
        raise parameter_error("library.error.choice", name=name, given=given, accepted=", ".join(accepted))
    return given


def _need_polars() -> None:
    try:
        import polars  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "Partitions are read with polars. Install anlan[cli].",
            key="library.error.missing_extra",
            values={"extra": "cli", "package": "polars"},
        ) from error
