"""What ``anlan detect`` says about a file: the alarms with their reasons, what was not judged, how methods differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from anlan import __version__
from anlan.charts import number
from anlan.cli._files import SEPARATORS, TableFile
from anlan.frames import CHOSEN, REASONS, Found, series_name
from anlan.stats.counts import AUTO_CHOICES, Reason, method_named
from anlan.texts import say

__all__ = ["Compared", "Report", "label_of", "p_text", "series_name"]


@dataclass(frozen=True)
class Compared:
    """One method beside the main one: alarms of each, of both, of only one."""

    method: str
    alarms: int
    judged: int
    shared: int
    only_here: int
    only_main: int


@dataclass(frozen=True)
class Report:
    """A file and what one or more methods found in it; the first method is the main one."""

    file: TableFile
    runs: tuple[Found, ...]
    value: str
    language: str

    @property
    def main(self) -> Found:
        return self.runs[0]

    @cached_property
    def alarms(self) -> pl.DataFrame:
        """The alarms of the main method, the latest first, then the least likely."""
        result = self.main.result
        series, times = np.nonzero(result.alarm)
        order = np.lexsort((result.p_value[series, times], -times))
        rows = (series * result.alarm.shape[1] + times)[order]
        return self._frame(self.main).select(pl.all().gather(pl.lit(rows)))

    def results(self) -> pl.DataFrame:
        """All rows of all methods, with the method's name when there is more than one."""
        if len(self.runs) == 1:
            return self._frame(self.main)
        frames = [self._frame(run).with_columns(pl.lit(label_of(run)).alias("method")) for run in self.runs]
        # Methods differ in their further columns.
        return pl.concat(frames, how="diagonal")

    def compared(self) -> list[Compared]:
        """How the methods agree on the same periods. Empty with one method."""
        main = self.main.result.alarm
        return [
            Compared(
                label_of(run),
                int(run.result.alarm.sum()),
                int(_judged(run).sum()),
                int((run.result.alarm & main).sum()),
                int((run.result.alarm & ~main).sum()),
                int((main & ~run.result.alarm).sum()),
            )
            for run in (self.runs if len(self.runs) > 1 else ())
        ]

    def reasons(self) -> dict[str, int]:
        """How many periods of the main method ended with each reason other than ``ok``."""
        counts = np.bincount(self.main.result.reason.reshape(-1).astype(np.int64), minlength=len(REASONS))
        return {
            name: int(count) for name, count in zip(REASONS, counts, strict=True) if count and name != "ok"
        }

    def chosen(self) -> dict[str, int]:
        """How many periods each method has judged, where ``auto`` chose; empty for other methods."""
        if self.main.method != "auto":
            return {}
        codes = self.main.result.extra[CHOSEN].astype(np.int64)
        return {
            name: int((codes == code).sum())
            for code, name in enumerate(AUTO_CHOICES)
            if (codes == code).any()
        }

    def says(self, key: str, **values: object) -> str:
        return say(key, self.language, **values)

    def titles(self) -> str:
        """The finding in one sentence."""
        alarm = self.main.result.alarm
        values = {"series": alarm.shape[0], "method": self.main.method}
        if not alarm.any():
            return self.says("cli.detect.none", **values)
        with_alarms = int(alarm.any(axis=1).sum())
        return self.says("cli.detect.title", alarms=int(alarm.sum()), with_alarms=with_alarms, **values)

    def read_words(self) -> dict[str, object]:
        """File, size and extent, for the sentence that says what was read."""
        grid = self.main.grid
        labels = grid.labels()
        return {
            "file": self.file.path.name,
            "rows": grid.n_rows,
            "series": grid.values.shape[0],
            "n": grid.values.shape[1],
            "steps": self.says(f"cli.steps.{grid.step}"),
            "first": labels[0],
            "last": labels[-1],
        }

    def remarks(self) -> list[str]:
        """What was not judged and why; said with every result, so that silence is not taken for calm."""
        found = self.reasons()
        judged = _judged(self.main)
        lines = [self.says("cli.detect.judged", judged=int(judged.sum()), all=judged.size)]
        if self.chosen():
            said = [
                self.says("cli.detect.chosen_one", method=name, count=count)
                for name, count in self.chosen().items()
            ]
            separator = self.says("cli.where.separator")
            lines.append(self.says("cli.detect.chosen", methods=separator.join(said)))
        for name, count in found.items():
            lines.append(
                self.says("cli.detect.reason", count=count, reason=self.says(f"stats.reason.{name}"))
            )
        if not judged.any() and "short_history" in found:
            lines.append(self._too_short())
        return lines

    def gaps(self) -> int:
        """Periods of the table without a value."""
        return int(np.isnan(self.main.grid.values).sum())

    def why(self, row: dict[str, Any]) -> str:
        """The reason of an alarm in a few words, from its numbers."""
        observed, expected, upper = row["observed"], row["expected"], row["upper"]
        if observed is None:
            return self.says("cli.why.held")
        if expected is not None and expected > 0:
            return self.says("cli.why.times", times=number(round(observed / expected, 1), self.language))
        if expected is not None:
            return self.says("cli.why.none_expected")
        if upper is None or observed == upper:
            return self.says("cli.why.at")
        key = "cli.why.over" if observed > upper else "cli.why.under"
        return self.says(key, excess=number(abs(observed - upper), self.language))

    def key_columns(self) -> list[str]:
        """Key and time columns: everything before the numbers."""
        return self.alarms.columns[: self.alarms.columns.index("observed")]

    def cells(self, row: dict[str, Any]) -> list[str]:
        """One alarm as people read it, in the order of ``headings``."""
        numbers = [number(row[name], self.language) for name in ("observed", "expected", "upper")]
        return [
            *(_text(row[name]) for name in self.key_columns()),
            *numbers,
            p_text(row["p_value"]),
            self.why(row),
        ]

    def headings(self) -> list[str]:
        return [
            *self.key_columns(),
            *(self.says(f"cli.column.{name}") for name in ("observed", "expected", "upper", "p", "why")),
        ]

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints: the alarms and the account of what was judged."""
        main, grid = self.main, self.main.grid
        words = self.read_words()
        return {
            "anlan": __version__,
            "file": words["file"],
            "step": grid.step,
            "first": words["first"],
            "last": words["last"],
            "series": words["series"],
            "method": main.method,
            "parameters": dict(main.parameters),
            "evaluated": int(main.result.alarm.size),
            "judged": int(_judged(main).sum()),
            "reasons": self.reasons(),
            **({"chosen": self.chosen()} if self.main.method == "auto" else {}),
            "alarms": [{name: _plain(item) for name, item in row.items()} for row in self.alarms.to_dicts()],
            "comparison": [vars(item) for item in self.compared()],
        }

    def print(self, rows: int, written: Sequence[Path]) -> None:
        """Results on standard output, how they came about on standard error."""
        out, err = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
        how = ""
        if self.file.encoding:
            separator = self.says(f"cli.separator.{SEPARATORS[self.file.separator]}")
            how = self.says("cli.detect.how", encoding=self.file.encoding, separator=separator)
        err.print(escape(self.says("cli.detect.read", how=how, **self.read_words())))
        if self.gaps():
            err.print(self.says("cli.detect.gaps", count=self.gaps()))
        for line in self.remarks():
            err.print(escape(line))
        out.print(f"[bold]{escape(self.titles())}[/bold]")
        if self.alarms.height:
            out.print(self._alarm_table(rows))
        if self.alarms.height > rows:
            out.print(self.says("cli.detect.more", shown=rows, count=self.alarms.height))
        if len(self.runs) > 1:
            out.print(self._comparison_table())
        for path in written:
            err.print(escape(self.says("cli.detect.wrote", file=str(path))))

    def _alarm_table(self, rows: int) -> Table:
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        n_keys = len(self.key_columns())
        for place, heading in enumerate(self.headings()):
            is_number = n_keys <= place < n_keys + 4
            table.add_column(
                escape(heading),
                justify="right" if is_number else "left",
                overflow="fold",
                no_wrap=place >= n_keys,
            )
        for row in self.alarms.head(rows).to_dicts():
            table.add_row(*map(escape, self.cells(row)))
        return table

    def comparison_headings(self) -> list[str]:
        return [
            self.says("cli.column.method"),
            self.says("cli.column.judged"),
            self.says("cli.column.alarms"),
            self.says("cli.column.shared"),
            self.says("cli.column.only"),
            self.says("cli.column.missed"),
        ]

    def comparison_cells(self, item: Compared) -> list[str]:
        counts = (item.judged, item.alarms, item.shared, item.only_here, item.only_main)
        return [item.method, *(number(count, self.language) for count in counts)]

    def _comparison_table(self) -> Table:
        table = Table(
            title=self.says("cli.compare.title"),
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            title_justify="left",
        )
        for place, heading in enumerate(self.comparison_headings()):
            table.add_column(escape(heading), justify="right" if place else "left", overflow="fold")
        for item in self.compared():
            table.add_row(*map(escape, self.comparison_cells(item)))
        return table

    def _frame(self, run: Found) -> pl.DataFrame:
        frame: pl.DataFrame = run.table().to_native()
        whole = run.grid.values[~np.isnan(run.grid.values)]
        if np.all(whole == np.floor(whole)):
            frame = frame.with_columns(pl.col("observed").cast(pl.Int64))
        return frame

    def _too_short(self) -> str:
        grid = self.main.grid
        step: Any = grid.step
        needed = method_named(self.main.method).history_needed(step, **self.main.parameters)
        return self.says(
            "cli.detect.all_short",
            method=self.main.method,
            needed=needed,
            steps=self.says(f"cli.steps.{grid.step}"),
            n=grid.values.shape[1],
        )


def _judged(run: Found) -> np.ndarray[Any, np.dtype[np.bool_]]:
    decided = np.array([reason.is_decided for reason in sorted(Reason)], dtype=bool)
    return decided[run.result.reason.astype(np.int64)]


def label_of(run: Found) -> str:
    """The method with what differs from its defaults, as ``--compare`` takes it."""
    parameters = ",".join(f"{name}={value}" for name, value in run.parameters.items())
    return f"{run.method}:{parameters}" if parameters else run.method


def p_text(value: float | None) -> str:
    """A p-value with two figures that matter; below one in ten thousand it is only that."""
    if value is None or math.isnan(value):
        return "–"
    return "<0.0001" if value < 1e-4 else f"{value:.2g}" if value < 0.01 else f"{value:.2f}"


def _text(value: object) -> str:
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()).removesuffix("T00:00:00") if isoformat is not None else str(value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _text(value)
