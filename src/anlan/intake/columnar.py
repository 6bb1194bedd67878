"""Parquet files -> a raw table with native types."""

from __future__ import annotations

from io import BytesIO

import polars as pl

from anlan.intake.files import Limits, RawTable
from anlan.intake.refusals import refuse_file

__all__ = ["read_parquet"]

_UNPACKED_BYTES_A_CELL = 8


def read_parquet(data: bytes, name: str, limits: Limits) -> RawTable:
    """Read a Parquet file; sizes are checked in its footer before a page is unpacked."""
    if not data.endswith(b"PAR1") or len(data) < 12:
        raise refuse_file("intake.file.truncated", name=name)
    try:
        schema = pl.read_parquet_schema(BytesIO(data))
        n_rows = int(pl.scan_parquet(BytesIO(data)).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise refuse_file("intake.file.damaged_parquet", name=name, said=str(error)[:200]) from error
    _check_size(name, n_rows, len(schema), limits)
    nested = [column for column, kind in schema.items() if kind.is_nested() or kind == pl.Binary]
    if nested:
        raise refuse_file("intake.file.nested", name=name, columns=", ".join(nested[:10]))
    try:
        frame = pl.read_parquet(BytesIO(data))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise refuse_file("intake.file.damaged_parquet", name=name, said=str(error)[:200]) from error
    header = tuple(column.strip() for column in frame.columns)
    frame = frame.rename({column: f"c{index}" for index, column in enumerate(frame.columns)})
    # Row 1 of a table is its header in every other format; a row keeps its number when the file is saved as one.
    rows = pl.int_range(2, n_rows + 2, dtype=pl.UInt32, eager=True).alias("row")
    return RawTable(name, "parquet", frame, rows, header, 1)


def _check_size(name: str, n_rows: int, n_columns: int, limits: Limits) -> None:
    if n_rows == 0 or n_columns == 0:
        raise refuse_file("intake.file.header_only", name=name)
    if n_columns > limits.columns:
        raise refuse_file("intake.file.too_wide", name=name, columns=n_columns, limit=limits.columns)
    if n_rows > limits.rows:
        raise refuse_file("intake.file.too_long", name=name, rows=n_rows, limit=limits.rows)
    if n_rows * n_columns * _UNPACKED_BYTES_A_CELL > limits.unpacked_bytes:
        raise refuse_file("intake.file.bomb", name=name, limit=f"{limits.unpacked_bytes / 1024**2:.0f} MB")
