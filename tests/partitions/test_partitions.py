"""Detection over a folder of partitions: the same findings wherever it runs, and nothing half-done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import anlan
from anlan.errors import InputError, ParameterError
from anlan.partitions import detect_partitions

WEEKS = 290


def make_table(n_series: int, seed: int, first: int = 0, weeks: int = WEEKS) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    counts = generator.poisson(generator.uniform(0.2, 30, (n_series, 1)), (n_series, weeks))
    counts[::3, -1] += 60
    monday = date(2018, 1, 1)
    return pl.DataFrame(
        {
            "county": np.repeat([f"C{first + at:05d}" for at in range(n_series)], weeks),
            "week": [monday + timedelta(weeks=week) for week in range(weeks)] * n_series,
            "cases": counts.reshape(-1).astype(np.int32),
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "east").mkdir(parents=True)
    for part in range(3):
        make_table(8, part, first=8 * part).write_parquet(source / f"part-{part}.parquet")
    # Rows of all series of a week together: the ordinary way of reading.
    make_table(8, 9, first=100).sort("week", "county").write_parquet(source / "east" / "part-9.parquet")
    return source


def run(source: Path, target: Path, **more: Any) -> dict[str, pl.DataFrame]:
    given = {"time": "week", "value": "cases", "by": "county", **more}
    detect_partitions(source, target, **given)
    return {
        str(path.relative_to(target)): pl.read_parquet(path) for path in sorted(target.rglob("*.parquet"))
    }


def test_each_partition_gives_what_detect_gives(folder: Path, tmp_path: Path) -> None:
    found = run(folder, tmp_path / "found", keep="all", last=2)

    assert sorted(found) == ["east/part-9.parquet", "part-0.parquet", "part-1.parquet", "part-2.parquet"]
    for name, table in found.items():
        expected = anlan.detect(
            pl.read_parquet(folder / name), time="week", value="cases", by="county", last=2
        )
        assert table.equals(expected, null_equal=True)
        assert table.schema == expected.schema


def test_only_alarms_are_kept_by_default(folder: Path, tmp_path: Path) -> None:
    run_of = detect_partitions(folder, tmp_path / "found", time="week", value="cases", by="county")
    written = pl.concat(pl.read_parquet(path) for path in (tmp_path / "found").rglob("*.parquet"))

    assert run_of.n_series == 32
    assert run_of.n_alarms == len(written) > 4
    assert written["alarm"].all()
    assert written["week"].unique().to_list() == [date(2018, 1, 1) + timedelta(weeks=WEEKS - 1)]


@contextmanager
def dask_cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


EXECUTORS: dict[str, Callable[[], Any]] = {
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": processes,
    "dask": dask_cluster,
}


@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_executor_changes_nothing(kind: str, folder: Path, tmp_path: Path) -> None:
    alone = run(folder, tmp_path / "alone", keep="all")
    with EXECUTORS[kind]() as executor:
        shared = run(folder, tmp_path / "shared", keep="all", executor=executor)

    assert sorted(shared) == sorted(alone)
    for name, table in alone.items():
        assert shared[name].equals(table, null_equal=True)


def test_a_bad_partition_is_named_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    bad = make_table(2, 5, first=500).with_columns(pl.lit(-1).alias("cases"))
    bad.write_parquet(folder / "part-x.parquet")
    (folder / "part-y.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError) as caught:
        run(folder, tmp_path / "found")

    assert "2 partitions cannot be used" in str(caught.value)
    assert "part-x.parquet" in str(caught.value)
    assert "part-y.parquet" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_series_in_two_partitions_is_refused(folder: Path, tmp_path: Path) -> None:
    make_table(1, 6, first=17).write_parquet(folder / "part-again.parquet")
    with pytest.raises(
        InputError, match=r"1 series are in more than one partition.*part-2\.parquet"
    ) as caught:
        run(folder, tmp_path / "found")

    assert "part-again.parquet" in str(caught.value)
    assert not (tmp_path / "found").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"keep": "some"}, "keep must be one of alarms, all"),
        ({"engine": "quick"}, "engine must be one of"),
        ({"method": "none"}, "method must be one of"),
        ({"w": -1}, "w must be"),
        ({"last": 0}, "last must be"),
        ({"by": "province"}, "There is no column province"),
    ],
)
def test_a_wrong_argument_is_refused(more: dict[str, Any], said: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        run(folder, tmp_path / "found", **more)
    assert not (tmp_path / "found").exists()


def test_folders_are_checked(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Parquet file"):
        run(tmp_path / "nowhere", tmp_path / "found")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ParameterError, match="target must be"):
        run(folder, tmp_path / "full")
    assert (tmp_path / "full" / "note.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "change",
    [
        lambda table: (
            table.with_row_index().filter(pl.col("index") != 300).drop("index")
        ),  # a gap in one series
        lambda table: table.with_columns(pl.col("week").dt.strftime("%G-W%V")),
        lambda table: table.with_columns(
            pl.when(pl.int_range(pl.len()) % 97 == 5).then(None).otherwise(pl.col("cases")).alias("cases")
        ),
        lambda table: table.with_columns(pl.col("county").cast(pl.Categorical)),
        lambda table: table.with_columns(pl.col("cases").cast(pl.Float32)),
    ],
    ids=["gap", "texts", "nulls", "categorical", "float32"],
)
def test_other_shapes_of_table_give_what_detect_gives(
    change: Callable[[pl.DataFrame], pl.DataFrame], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    table = change(make_table(5, 3))
    table.write_parquet(source / "one.parquet")
    found = run(source, tmp_path / "found", keep="all", last=1)["one.parquet"]

    expected = anlan.detect(
        pl.read_parquet(source / "one.parquet"), time="week", value="cases", by="county", last=1
    )
    assert found.equals(expected, null_equal=True)
