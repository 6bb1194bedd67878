"""Makers of small delivered files; seeded, nothing is stored."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Sequence
from importlib.resources import files
from io import BytesIO
from typing import Any

import pytest
import xlsxwriter

from anlan.registry import Calendar, Pack, PackIndicator, PackSource, add_site, install_pack, load_areas
from anlan.registry.types import NewArea
from anlan.store import Actor, Scope, World

MakeWorkbook = Callable[..., bytes]


@pytest.fixture(scope="session")
def make_workbook() -> MakeWorkbook:
    """``make_workbook({"Sheet": rows}, merges={"Sheet": ["A1:C1"]}, hidden=["X"])``; dates become Excel dates,
    text that starts with ``=`` a formula with a stored result of 42, with ``==`` one without a result."""

    def make(
        sheets: dict[str, Sequence[Sequence[Any]]],
        merges: dict[str, Sequence[str]] | None = None,
        hidden: Sequence[str] = (),
    ) -> bytes:
        buffer = BytesIO()
        book = xlsxwriter.Workbook(buffer, {"in_memory": True})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for address in (merges or {}).get(name, ()):
                sheet.merge_range(address, "")
            for r, row in enumerate(rows):
                for c, cell in enumerate(row):
                    if isinstance(cell, dt.datetime):
                        sheet.write_datetime(r, c, cell, moment)
                    elif isinstance(cell, dt.date):
                        sheet.write_datetime(r, c, dt.datetime.combine(cell, dt.time()), day)
                    elif isinstance(cell, str) and cell.startswith("=="):
                        sheet.write_formula(r, c, cell[1:], value="")
                    elif isinstance(cell, str) and cell.startswith("=#"):
                        sheet.write_formula(r, c, "=1/0", value=cell[1:])
                    elif isinstance(cell, str) and cell.startswith("="):
                        sheet.write_formula(r, c, cell, value=42)
                    elif cell is not None:
                        sheet.write(r, c, cell)
            if name in hidden:
                sheet.hide()
        book.close()
        return buffer.getvalue()

    return make


OPERATOR = Actor("person", "00000000-0000-0000-0000-000000000001", "test")
EVERYTHING = Scope.everything("test")


@pytest.fixture
def areas() -> list[NewArea]:
    """The country, Hubei, Xianning with its counties and townships: the areas that ship with the package."""
    with (files("anlan.datasets") / "areas.csv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    wanted = [row for row in rows if row["code"] in ("CN", "420000") or row["code"].startswith("4212")]
    return [
        NewArea(
            row["code"],
            row["parent"],
            row["kind"],
            {"zh": row["name_zh"], **({"en": row["name_en"]} if row["name_en"] else {})},
            tuple(filter(None, row["aliases"].split(";"))),
        )
        for row in wanted
    ]


@pytest.fixture
def pack() -> Pack:
    """Daily and weekly counts, an hourly concentration at a station, a share; three sources."""
    day, week = Calendar("day"), Calendar("week")
    hour = Calendar("hour", label_at="end")
    ages = tuple((code, {"zh": f"{code}岁", "en": code}) for code in ("0-4", "5-14", "15-44", "45+"))
    indicators = (
        PackIndicator(
            "hfmd.daily",
            {"zh": "手足口病（日）", "en": "Hand-foot-mouth disease, daily"},
            "case",
            "count",
            day,
            strata=ages,
            aliases=("HFMD",),
        ),
        PackIndicator(
            "measles.daily", {"zh": "麻疹（日）", "en": "Measles, daily"}, "case", "count", day, strata=ages
        ),
        PackIndicator(
            "diarrhoea.daily",
            {"zh": "其他感染性腹泻病（日）", "en": "Other infectious diarrhoea, daily"},
            "case",
            "count",
            day,
            strata=ages,
            aliases=("感染性腹泻",),
        ),
        PackIndicator("measles.weekly", {"zh": "麻疹（周）", "en": "Measles, weekly"}, "case", "count", week),
        PackIndicator(
            "pm10.hourly",
            {"zh": "可吸入颗粒物", "en": "PM10"},
            "µg/m³",
            "concentration",
            hour,
            aliases=("PM10",),
        ),
        PackIndicator(
            "secret.weekly", {"zh": "内部指标", "en": "Internal"}, "case", "count", week, sensitivity=2
        ),
    )
    rhythm: dict[str, Any] = {
        "step": "day",
        "due_after_hours": 36.0,
        "grace_hours": 12.0,
        "known_at": "assumed",
    }
    sources = (
        PackSource("city.daily", {"zh": "咸宁市医院日报", "en": "Daily report"}, delivers=("hfmd.daily", "measles.daily", "diarrhoea.daily"), area_code="421200", **rhythm),
        PackSource("county.weekly", {"zh": "县区周报", "en": "Weekly report"}, delivers=("measles.weekly",), area_code="421200", **{**rhythm, "step": "week"}),
        PackSource("stations", {"zh": "空气站", "en": "Stations"}, delivers=("pm10.hourly",), area_code="421200", **{**rhythm, "step": "hour"}),
        PackSource("any", {"zh": "任意", "en": "Any"}, delivers=(), area_code="", **rhythm),
    )  # fmt: skip
    names = {"zh": "测试", "en": "Test"}
    return Pack("test_pack", "1.0.0", names, names, (), indicators, sources, (), (), {}, (), "x")


@pytest.fixture
def city(world: World, areas: list[NewArea], pack: Pack) -> World:
    """The live world with areas, indicators, sources and one station."""
    with world.write(OPERATOR) as tx:
        load_areas(tx, areas)
    with world.write(OPERATOR) as tx:
        install_pack(tx, pack)
    with world.write(OPERATOR) as tx:
        add_site(
            tx,
            code="S1",
            names={"zh": "永安站", "en": "Yongan"},
            kind="air",
            area_code="421202",
            domain="test_pack",
        )
    return world
