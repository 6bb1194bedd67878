"""Series, observations and records: versions, what was known when, dense reading.

ids = series_ids(world, actor, [SeriesKey("measles_cases", "421221", "CN/420000/421200/421221/", "infectious_disease")])
batch_id = begin_batch(world, source_code="xianning_cdc")
stage_observations(world, batch_id, ObservationColumns.of(ids[0], periods, known_at, values))
with world.write(actor) as tx:
    publish(tx, batch_id, mode="add", label="week27.csv", area_path="CN/420000/421200/", domain="infectious_disease")
with world.read() as connection:
    now = values(connection, scope, world.as_of(), ids)
"""

from anlan.series.actions import ensure_series, publish, put_records, series_ids
from anlan.series.check import batch_check
from anlan.series.dense import matrix
from anlan.series.queries import (
    all_versions,
    batches,
    corrected,
    history,
    known_moments,
    last_known,
    records,
    series_list,
    series_one,
    values,
)
from anlan.series.staging import begin_batch, discard, stage_observations, unpublished
from anlan.series.types import (
    Batch,
    Flag,
    LastDelivery,
    Matrix,
    Moment,
    NewRecord,
    ObservationColumns,
    Qualifier,
    Record,
    Series,
    SeriesKey,
    SeriesValues,
    StagedBatch,
    Version,
    moment_of,
    seconds_of,
)

__all__ = [
    "Batch",
    "Flag",
    "LastDelivery",
    "Matrix",
    "Moment",
    "NewRecord",
    "ObservationColumns",
    "Qualifier",
    "Record",
    "Series",
    "SeriesKey",
    "SeriesValues",
    "StagedBatch",
    "Version",
    "all_versions",
    "batch_check",
    "batches",
    "begin_batch",
    "corrected",
    "discard",
    "ensure_series",
    "history",
    "known_moments",
    "last_known",
    "matrix",
    "moment_of",
    "publish",
    "put_records",
    "records",
    "seconds_of",
    "series_ids",
    "series_list",
    "series_one",
    "stage_observations",
    "unpublished",
    "values",
]
