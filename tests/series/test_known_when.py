"""What was known when is exact: random histories against a brute-force model, on both databases, cached and not."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from anlan.series import (
    Flag,
    ObservationColumns,
    SeriesKey,
    batch_check,
    begin_batch,
    discard,
    history,
    known_moments,
    matrix,
    moment_of,
    publish,
    series_ids,
    stage_observations,
    values,
)
from anlan.store import SYSTEM, AsOf, Scope, World, verify

ALL = Scope.everything("test")
CITY = "CN/420000/421200/"
Cell = tuple[int, int]
Said = tuple[float, int, int]  # value (NaN), flags, qualifier


@dataclass
class Model:
    """The rule, written as plainly as possible: a list of everything said, asked by looking at all of it."""

    said: list[tuple[int, int, int, int, Said]] = field(
        default_factory=list
    )  # seq, known_at, series, period, what

    def now(self, as_of: AsOf) -> dict[Cell, Said]:
        best: dict[Cell, tuple[tuple[int, int], Said]] = {}
        for seq, known_at, series, period, what in self.said:
            if seq > as_of.seq or (as_of.known_at is not None and moment_of(known_at) > as_of.known_at):
                continue
            rank = (known_at, seq)
            if (series, period) not in best or rank > best[series, period][0]:
                best[series, period] = (rank, what)
        return {cell: what for cell, (_, what) in best.items() if not what[1] & Flag.WITHDRAWN}


def draw_rows(chance: random.Random, ids: Sequence[int]) -> list[tuple[int, int, int, Said]]:
    rows = []
    for series, period, known_at in itertools.product(ids, range(-3, 5), range(100, 104)):
        if chance.random() < 0.15:
            kind = chance.random()
            if kind < 0.15:
                what = (math.nan, int(Flag.WITHDRAWN), 0)
            elif kind < 0.25:
                what = (math.nan, int(Flag.MISSING), 0)
            else:
                what = (float(chance.randint(0, 9)), chance.choice([0, 0, 16, 32]), chance.choice([0, 0, 1]))
            rows.append((series, period, known_at, what))
    chance.shuffle(rows)
    return rows


def columns_of(rows: Sequence[tuple[int, int, int, Said]]) -> ObservationColumns:
    return ObservationColumns.of(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.int64),
        [row[3][0] for row in rows],
        np.array([row[3][2] for row in rows], np.int64),
        np.array([row[3][1] for row in rows], np.int64),
    )


def answer(world: World, ids: Sequence[int], as_of: AsOf) -> tuple[dict[Cell, Said], bytes]:
    with world.read() as connection:
        found = values(connection, ALL, as_of, ids)
    cells = zip(found.series_id.tolist(), found.period.tolist(), strict=True)
    said = zip(found.value.tolist(), found.flags.tolist(), found.qualifier.tolist(), strict=True)
    return dict(zip(cells, said, strict=True)), found.to_bytes()


def matrix_answer(world: World, as_of: AsOf, folder: Path | None) -> tuple[dict[Cell, Said], bytes]:
    found = matrix(world, ALL, as_of, "measles", folder=folder)
    cells: dict[Cell, Said] = {}
    for (row, column), flags in np.ndenumerate(found.flags):
        value = float(found.values[row, column])
        if flags or not math.isnan(value):
            cell = (found.series[row].id, found.first_period + column)
            cells[cell] = (value, int(flags), int(found.qualifiers[row, column]))
    shape = f"{found.first_period} {found.values.shape} {[one.id for one in found.series]}".encode()
    return cells, shape + found.values.tobytes() + found.flags.tobytes() + found.qualifiers.tobytes()


def same(found: dict[Cell, Said], expected: dict[Cell, Said]) -> bool:
    return repr(sorted(found.items())) == repr(sorted(expected.items()))  # NaN is written alike


@pytest.mark.parametrize("seed", range(6))
def test_every_question_is_answered_like_the_model_and_for_ever(
    world: World, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    model, ids, asked = Model(), [], dict[tuple[int, int | None], bytes]()
    dense: dict[tuple[int, int | None], bytes] = {}
    for step in range(7):
        if step in (0, 3):  # later on the indicator gets more series
            keys = [SeriesKey("measles", f"a{step}{n}", f"{CITY}a{step}{n}/", "d") for n in range(2)]
            ids += series_ids(world, SYSTEM, keys).tolist()
        rows = draw_rows(chance, ids)
        batch_id = begin_batch(world, source_code="cdc")
        stage_observations(world, batch_id, columns_of(rows))
        if chance.random() < 0.2:
            discard(world, batch_id)
        else:
            with world.write(SYSTEM) as tx:
                made = publish(tx, batch_id, mode="add", label="", area_path=CITY, domain="d")
            model.said += [(made.known_seq, known_at, *cell, what) for *cell, known_at, what in rows]  # type: ignore[misc]
        waiting = begin_batch(world, source_code="cdc")
        stage_observations(world, waiting, columns_of(draw_rows(chance, ids)))  # must never be seen
        head = world.head()
        for seq, known_at in itertools.product(range(head + 1), (None, 99, 101, 103)):
            if known_at is not None and chance.random() < 0.5:
                continue
            as_of = AsOf(seq, None if known_at is None else moment_of(known_at))
            found, told = answer(world, ids, as_of)
            assert same(found, model.now(as_of)), (seq, known_at)
            assert asked.setdefault((seq, known_at), told) == told
        for seq, known_at, folder in (
            (head, None, tmp_path),
            (head, 102, tmp_path),
            (max(head - 2, 0), None, tmp_path),
        ):
            as_of = AsOf(seq, None if known_at is None else moment_of(known_at))
            found, told = matrix_answer(world, as_of, folder)
            assert same(found, model.now(as_of)), (seq, known_at)
            assert told == matrix_answer(world, as_of, None)[1]
            assert dense.setdefault((seq, known_at), told) == told
        check_history(world, model, ids[0], head)
    assert verify(world, deep=True, deep_checks=[batch_check]) == []


def check_history(world: World, model: Model, series: int, head: int) -> None:
    with world.read() as connection:
        told = history(connection, ALL, AsOf(head), series, 1)
        moments = known_moments(connection, ALL, AsOf(head), series, last_n=2)
        earlier = known_moments(connection, ALL, AsOf(head, moment_of(101)), series)
    expected = sorted(
        (row for row in model.said if row[2:4] == (series, 1)), key=lambda row: (row[1], row[0])
    )
    assert [(one.known_seq, one.known_at) for one in told] == [
        (row[0], moment_of(row[1])) for row in expected
    ]
    periods: dict[int, set[int]] = {}
    for row in model.said:
        if row[2] == series:
            periods.setdefault(row[1], set()).add(row[3])
    counts = [(moment_of(known_at), len(found)) for known_at, found in sorted(periods.items())]
    assert [(one.known_at, one.values) for one in moments] == counts[-2:]
    assert [(one.known_at, one.values) for one in earlier] == [
        one for one in counts if one[0] <= moment_of(101)
    ]
