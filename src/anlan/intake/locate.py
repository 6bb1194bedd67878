"""Read items -> columns of observations: each item gets its series, its period number and when it was known.

What is looked up is looked up once per distinct combination. An item that has no place is refused with its row, its
column and the near names; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from anlan.intake.columns import texts_of
from anlan.intake.periods import Period
from anlan.intake.reading import Reading, Refused
from anlan.intake.refusals import Refusal
from anlan.intake.resolve import Registered, known_moment, period_number, stratum_code, unit_fits
from anlan.registry.types import Area, Indicator, Site
from anlan.series import Flag, Qualifier, SeriesKey, seconds_of
from anlan.texts import Sentence

__all__ = ["Located", "locate"]

_NAMES = ["area", "site", "indicator", "stratum", "unit"]
_PERIOD = ["indicator", "start", "kind", "offset"]
_KNOWN = ["indicator", "known_start", "known_kind", "known_offset"]
_KEY = ["key", "period", "known_at"]


@dataclass(frozen=True)
class Located:
    """Items with their places.

    Parameters
    ----------
    reading : Reading
        With everything refused here added to what was refused before.
    keys : tuple of SeriesKey
    rows : polars.DataFrame
        One row for each value, ordered by ``key`` (index into ``keys``), ``period``, ``known_at`` (seconds UTC); further
        ``position``, ``value_column``, ``value`` (NaN where there is none), ``quality`` (qualifier number), ``flags``.
    repeated : int
        Values that stood in the file twice and were taken once.
    """

    reading: Reading
    keys: tuple[SeriesKey, ...]
    rows: pl.DataFrame
    repeated: int


def locate(reading: Reading, registered: Registered, now: datetime) -> Located:
    """Find the place of every item.

    Parameters
    ----------
    reading : Reading
    registered : Registered
        What the source's names mean.
    now : datetime
        Moment of the delivery: nothing later can have been observed or known.
    """
    return _Locating(reading, registered, now).located()


class _Locating:
    def __init__(self, reading: Reading, registered: Registered, now: datetime) -> None:
        self.reading, self.registered, self.now = reading, registered, now
        self.refused: list[Refused] = []
        self.keys: dict[SeriesKey, int] = {}
        self.bad: list[pl.DataFrame] = []

    def located(self) -> Located:
        items = self.reading.items.with_columns(pl.lit(True).alias("is_read"))
        if self.reading.others.height:
            items = pl.concat([items, self.reading.others.with_columns(pl.lit(False).alias("is_read"))])
        items = self._timed(self._named(items.with_row_index("item")))
        items = items.filter("is_read") if self.reading.others.height else items
        items = self._known(items)
        if self.bad:
            items = items.join(pl.concat(self.bad).unique(), on="item", how="anti", maintain_order="left")
        rows, repeated = self._once(self._valued(items))
        return Located(self.reading.and_refused(self.refused), tuple(self.keys), rows, repeated)

    def _refuse(self, role: str, items: pl.DataFrame, refusals: AnyMapping[str, Refusal]) -> None:
        """Refuse items, given with the column ``text`` that picks the refusal. The cell is that of the role.

        What is empty in a row that was refused before is no further problem of it."""
        items = items.filter(pl.col("is_read") | (pl.col("text") != ""))
        if items.is_empty():
            return
        self.bad.append(items.select("item"))
        use = self.reading.mapping.one(role)  # type: ignore[arg-type]
        if use is not None:
            once = items.unique(["position", "text"], maintain_order=True)
            self.refused.append(Refused(use.index, once["position"], once["text"], refusals))
            return
        # What is given for the whole table has no cell of its own: the value is what could not be placed.
        for (column,), part in items.group_by("value_column", maintain_order=True):
            self.refused.append(Refused(int(str(column)), part["position"], part["text"], refusals))

    def _named(self, items: pl.DataFrame) -> pl.DataFrame:
        varying = _varying(items, _NAMES)
        combos = items.unique(varying, maintain_order=True).select(_NAMES).with_row_index("combo")
        keys: list[int | None] = []
        wrong: dict[str, list[tuple[int, str]]] = {}
        refusals: dict[str, dict[str, Refusal]] = {}
        for combo, *names in combos.iter_rows():
            outcome = self._series_key(*names)
            if isinstance(outcome, SeriesKey):
                keys.append(self.keys.setdefault(outcome, len(self.keys)))
                continue
            keys.append(None)
            for role, refusal in outcome:
                wrong.setdefault(role, []).append((combo, refusal.raw))
                refusals.setdefault(role, {})[refusal.raw] = refusal
        combos = combos.with_columns(pl.Series("key", keys, dtype=pl.Int64))
        items = items.join(
            combos.select(*varying, "combo", "key"), on=varying, how="left", maintain_order="left"
        )
        for role, found in wrong.items():
            marked = pl.DataFrame(found, schema={"combo": pl.UInt32, "text": pl.String}, orient="row")
            bad = items.select("item", "position", "value_column", "is_read", "combo").join(
                marked, on="combo", maintain_order="left"
            )
            self._refuse(role, bad, refusals[role])
        return items

    def _series_key(
        self, area: str, site: str, indicator: str, stratum: str, unit: str
    ) -> SeriesKey | list[tuple[str, Refusal]]:
        wrong: list[tuple[str, Refusal]] = []
        found = self.registered.indicator(indicator)
        if isinstance(found, Refusal):
            wrong.append(("indicator", found))
        place, code = self._place(area, site, found if isinstance(found, Indicator) else None, wrong)
        division = stratum_code(found, stratum) if isinstance(found, Indicator) else ""
        if isinstance(division, Refusal):
            wrong.append(("stratum", division))
        if isinstance(found, Indicator) and not unit_fits(found, unit):
            wrong.append(
                (
                    "unit",
                    Refusal(
                        "intake.unit.other", unit, Sentence("intake.accepted.unit", {"unit": found.unit})
                    ),
                )
            )
        if wrong or place is None or isinstance(found, Refusal) or isinstance(division, Refusal):
            return wrong
        return SeriesKey(found.code, place.code, place.path, found.domain, code, division, found.sensitivity)

    def _place(
        self, area: str, site: str, indicator: Indicator | None, wrong: list[tuple[str, Refusal]]
    ) -> tuple[Area | None, str]:
        place = (
            self.registered.area(area, () if indicator is None else indicator.area_kinds) if area else None
        )
        if isinstance(place, Refusal):
            wrong.append(("area", place))
            place = None
        if not site:
            if not area:
                wrong.append(("site", Refusal("intake.site.empty", "", Sentence("intake.accepted.site"))))
            return place, ""
        found = self.registered.site(site)
        if isinstance(found, Refusal):
            wrong.append(("site", found))
            return place, ""
        return self._area_of(found, place, wrong), found.code

    def _area_of(self, site: Site, place: Area | None, wrong: list[tuple[str, Refusal]]) -> Area | None:
        own = self.registered.areas.by_code.get(site.area_code)
        if own is None or not self.registered.scope.sees(area_path=own.path):
            wrong.append(
                ("site", Refusal("intake.scope.outside", site.code, Sentence("intake.accepted.scope")))
            )
            return None
        if place is not None and not own.path.startswith(place.path):
            values = {"area": dict(own.names)}
            wrong.append(
                (
                    "site",
                    Refusal("intake.site.elsewhere", site.code, Sentence("intake.accepted.site"), values),
                )
            )
        return own

    def _timed(self, items: pl.DataFrame) -> pl.DataFrame:
        """Period numbers, and the second at which each period begins."""
        varying = _varying(items, _PERIOD)
        distinct = items.unique(varying, maintain_order=True).select(_PERIOD)
        numbers: list[int | None] = []
        begins: list[int | None] = []
        reasons: list[str] = []
        for name, start, kind, offset in distinct.iter_rows():
            indicator = self.registered.indicator(name) if start is not None else None
            number = begin = None
            if isinstance(indicator, Indicator):
                number = period_number(indicator, Period(kind, start, offset))
                begin = None if number is None else indicator.calendar.start_of(number)
            numbers.append(number)
            begins.append(None if begin is None else seconds_of(begin))
            late = begin is not None and begin > self.now
            missing = isinstance(indicator, Indicator) and number is None
            reasons.append("future" if late else "other_step" if missing else "")
        outcome = distinct.with_columns(
            pl.Series("period", numbers, dtype=pl.Int32),
            pl.Series("begins", begins, dtype=pl.Int64),
            pl.Series("why", reasons),
        )
        outcome = outcome.select(*varying, "period", "begins", "why")
        items = items.join(outcome, on=varying, how="left", nulls_equal=True, maintain_order="left")
        for why in ("future", "other_step"):
            self._refuse_periods(items.filter(pl.col("why") == why), why)
        return items.drop("why")

    def _refuse_periods(self, bad: pl.DataFrame, why: str) -> None:
        if bad.is_empty():
            return
        bad = self._with_text(bad, "period")
        refusals = {}
        for text, name in bad.select("text", "indicator").unique(maintain_order=True).iter_rows():
            indicator = self.registered.indicator(name)
            if isinstance(indicator, Refusal):
                continue
            calendar = indicator.calendar
            accepted = Sentence("intake.accepted.past")
            if why == "other_step":
                example = calendar.text(calendar.period_of(self.now))
                accepted = Sentence("intake.accepted.period_step", {"example": example})
            refusals[text] = Refusal(f"intake.period.{why}", text, accepted, {"step": calendar.step})
        self._refuse("period", bad, refusals)

    def _with_text(self, items: pl.DataFrame, role: str) -> pl.DataFrame:
        """The cells of a role, as delivered, beside the items."""
        use = self.reading.mapping.one(role)  # type: ignore[arg-type]
        if use is None:
            return items.with_columns(pl.lit(self.reading.mapping.fixed.get(role, "")).alias("text"))
        texts = texts_of(self.reading.table.column(use.index).gather(items["position"]))
        return items.with_columns(texts.alias("text"))

    def _known(self, items: pl.DataFrame) -> pl.DataFrame:
        now = seconds_of(self.now)
        if items["known_start"].null_count() == items.height:
            return items.with_columns(pl.lit(now).alias("known_at"), pl.lit(True).alias("assumed"))
        distinct = items.select(_KNOWN).unique(maintain_order=True)
        moments: list[int | None] = []
        late: list[bool] = []
        for name, start, kind, offset in distinct.iter_rows():
            indicator = self.registered.indicator(name)
            if start is None or isinstance(indicator, Refusal):
                moments.append(None)
                late.append(False)
                continue
            moment = known_moment(indicator.calendar.zone, Period(kind, start, offset))
            first = known_moment(indicator.calendar.zone, Period("moment", start, offset))
            moments.append(min(seconds_of(moment), now))
            late.append(first > self.now)
        outcome = distinct.with_columns(
            pl.Series("claimed", moments, dtype=pl.Int64), pl.Series("late", late)
        )
        items = items.join(outcome, on=_KNOWN, how="left", nulls_equal=True, maintain_order="left")
        early = (pl.col("claimed") < pl.col("begins")).fill_null(False) & ~pl.col("late")
        for why, bad in (("future", items.filter("late")), ("before", items.filter(early))):
            told = self._with_text(bad, "known_at")
            accepted = Sentence("intake.accepted.past")
            refusals = {
                text: Refusal(f"intake.known_at.{why}", text, accepted)
                for text in told["text"].unique().to_list()
            }
            self._refuse("known_at", told, refusals)
        return items.with_columns(
            pl.col("claimed").fill_null(now).alias("known_at"), pl.col("claimed").is_null().alias("assumed")
        )

    def _valued(self, items: pl.DataFrame) -> pl.DataFrame:
        not_detected = pl.col("qualifier") == "nd"
        absent = pl.col("number").is_null() & ~not_detected
        flags = (
            absent.cast(pl.Int32) * int(Flag.MISSING)
            + not_detected.cast(pl.Int32) * int(Flag.NOT_DETECTED)
            + pl.col("assumed").cast(pl.Int32) * int(Flag.KNOWN_AT_ASSUMED)
        )
        below, above = pl.col("qualifier").is_in(["<", "<="]), pl.col("qualifier").is_in([">", ">="])
        quality = (
            pl.when(below).then(int(Qualifier.BELOW)).when(above).then(int(Qualifier.ABOVE)).otherwise(0)
        )
        value = pl.col("number").fill_null(float("nan")).alias("value")
        made = items.select(
            *_KEY,
            "position",
            "value_column",
            value,
            quality.cast(pl.Int16).alias("quality"),
            flags.alias("flags"),
        )
        # One number sorts faster than two columns; periods lie within 2**31 of zero.
        place = pl.col("key") * 2**32 + pl.col("period")
        order = made.select(pl.arg_sort_by([place, pl.col("known_at")], maintain_order=True)).to_series()
        return made[order]

    def _once(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """One row for each key: repeats are dropped or summed, contradictions refused."""
        same = np.ones(max(rows.height - 1, 0), dtype=bool)
        for name in _KEY:
            same &= np.diff(rows[name].to_numpy()) == 0
        if not same.any():
            return rows, 0
        start = np.concatenate([[True], ~same])
        rows = rows.with_columns(pl.Series("group", np.cumsum(start) - 1))
        if self.reading.mapping.declared.repeats == "sum":
            return self._summed(rows)
        first = rows.filter(pl.Series(start)).select("group", "value", "quality", "flags", "position")
        both = rows.join(first, on="group", suffix="_first", maintain_order="left")
        equal = pl.all_horizontal(
            pl.col(name).eq_missing(pl.col(f"{name}_first")) for name in ("value", "quality", "flags")
        )
        contradicted = both.filter(~equal)["group"].unique()
        kept = rows.filter(pl.Series(start)).join(
            contradicted.to_frame(), on="group", how="anti", maintain_order="left"
        )
        self._refuse_contradictions(
            rows.join(contradicted.to_frame(), on="group", how="semi", maintain_order="left")
        )
        repeated = int(
            rows.height - kept.height - rows.join(contradicted.to_frame(), on="group", how="semi").height
        )
        return kept.drop("group"), repeated

    def _summed(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        columns = [name for name in rows.columns if name not in ("group", "value")]
        summed = rows.group_by("group", maintain_order=True).agg(
            *(pl.col(name).first() for name in columns if name not in ("quality", "flags")),
            pl.col("value").sum(),
            pl.col("quality").max(),
            # A sum with a part missing is not known.
            pl.col("flags").max(),
        )
        unknown = pl.col("value").is_nan()
        flags = pl.when(unknown).then(pl.col("flags") | int(Flag.MISSING)).otherwise("flags")
        return summed.with_columns(flags.cast(pl.Int32)).select(
            [*_KEY, "position", "value_column", "value", "quality", "flags"]
        ), 0

    def _refuse_contradictions(self, rows: pl.DataFrame) -> None:
        table = self.reading.table
        for (column,), part in rows.group_by("value_column", maintain_order=True):
            index = int(str(column))
            raws = texts_of(table.column(index).gather(part["position"])).to_list()
            positions, groups = part["position"].to_list(), part["group"].to_list()
            members: dict[int, list[int]] = {}
            for position, group in zip(rows["position"].to_list(), rows["group"].to_list(), strict=True):
                members.setdefault(group, []).append(position)
            refusals: dict[str, Refusal] = {}
            texts = []
            for raw, position, group in zip(raws, positions, groups, strict=True):
                other = next((place for place in members[group] if place != position), position)
                text = f"{raw}\0{position}"
                accepted = Sentence("intake.accepted.one_value")
                refusals[text] = Refusal("intake.row.twice", raw, accepted, {"other": int(table.rows[other])})
                texts.append(text)
            self.refused.append(
                Refused(index, part["position"], pl.Series("text", texts, dtype=pl.String), refusals)
            )


def _varying(items: pl.DataFrame, names: list[str]) -> list[str]:
    """The columns that do not hold one value throughout: only they tell rows apart. At least one is given."""
    return [name for name in names if not _is_constant(items[name])] or names[:1]


def _is_constant(column: pl.Series) -> bool:
    # The head settles most varying columns; the whole is read only where the head is constant.
    return column.head(1000).n_unique() <= 1 and column.n_unique() <= 1
