from __future__ import annotations

import json
from datetime import date
from importlib.resources import files

import numpy as np
import pytest

from anlan import datasets
from anlan.errors import InputError, NotFoundError, ParameterError

NAMES = datasets.dataset_names()


@pytest.mark.parametrize("name", NAMES)
def test_each_set_is_described_and_readable(name: str) -> None:
    described = datasets.dataset(name)
    assert getattr(datasets, name)() == described
    assert described.read_bytes()
    assert set(described.title) == set(described.attribution) == {"en", "zh"}
    assert described.source
    assert described.citation
    assert described.licence
    assert "GPL" not in described.licence
    readme = (files("anlan.datasets") / "README.md").read_text(encoding="utf-8")
    assert f"`{described.file}`" in readme


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_those_of_the_file(name: str) -> None:
    described = datasets.dataset(name)
    if described.file.endswith(".csv"):
        assert list(next(described.rows())) == list(described.columns)
    else:
        properties = json.loads(described.read_bytes())["features"][0]["properties"]
        assert set(described.columns) <= set(properties)
        with pytest.raises(InputError, match="reads CSV"):
            next(described.rows())


def test_no_data_file_is_without_a_description() -> None:
    data = {
        item.name for item in files("anlan.datasets").iterdir() if item.name.endswith((".csv", ".geojson"))
    }
    assert data == {datasets.dataset(name).file for name in NAMES}


def test_sizes_are_those_published() -> None:
    assert sum(1 for _ in datasets.cn_notifiable_monthly().rows()) == 6335
    assert sum(1 for _ in datasets.de_covid_hospitalisation_revisions().rows()) == 33014
    assert sum(1 for _ in datasets.h7n9_china_2013_linelist().rows()) == 136


def test_the_revision_of_mid_december_is_in_the_german_data() -> None:
    values = [
        int(row["cases_7d"])
        for row in datasets.de_covid_hospitalisation_revisions().rows()
        if row["state_id"] == "00" and row["date"] == "2024-12-15" and row["known_on"] <= "2025-01-24"
    ]
    # The figures that the source's description names: 2,189 at first, 2,529 five weeks later.
    assert values[0] == 2189
    assert 2529 in values


def test_published_figures_of_the_city() -> None:
    found = {
        (row["indicator"], row["year"]): float(row["value"])
        for row in datasets.xianning_published_figures().rows()
    }
    assert found[("air.composite_index", "2015")] == 4.82
    assert found[("air.pm25_annual_mean", "2023")] == 34.0
    assert found[("water.controlled_sections_good", "2022")] == 100
    assert {row["known_since"] for row in datasets.xianning_published_figures().rows()} == {"2024-04"}


def test_areas_form_trees_that_hold_every_outline() -> None:
    rows = {row["code"]: row for row in datasets.areas().rows()}
    order = ["country", "province", "city", "county", "township"]
    for row in rows.values():
        if row["parent"]:
            assert order.index(rows[row["parent"]]["kind"]) < order.index(row["kind"])
    assert [code for code, row in rows.items() if not row["parent"]] == ["CN", "DE"]
    assert sum(row["kind"] == "province" and row["parent"] == "CN" for row in rows.values()) == 34
    assert sum(row["kind"] == "township" for row in rows.values()) == 89
    for outlines in (datasets.xianning_counties(), datasets.xianning_neighbours(), datasets.hubei_counties()):
        for feature in json.loads(outlines.read_bytes())["features"]:
            assert rows[feature["id"]]["name_zh"] == feature["properties"]["name_zh"]
            parent = rows[rows[feature["id"]]["parent"]]
            # A county directly under its province repeats its own name as parent in the source.
            if feature["properties"]["parent_zh"] == feature["properties"]["name_zh"]:
                assert parent["kind"] == "province"
            else:
                assert parent["name_zh"] == feature["properties"]["parent_zh"]


def test_every_place_in_the_deliveries_has_an_area() -> None:
    known = set()
    for row in datasets.areas().rows():
        known |= {row["code"], row["name_en"], row["name_zh"], *row["aliases"].split(";")}
    assert {row["province"] for row in datasets.h7n9_china_2013_linelist().rows()} <= known
    assert {row["state"] for row in datasets.de_covid_hospitalisation_revisions().rows()} <= known
    assert {row["area_code"] for row in datasets.xianning_published_figures().rows()} <= known


def test_an_unknown_set_is_named_and_the_known_ones_listed() -> None:
    with pytest.raises(NotFoundError, match="'salmonella'.*cn_notifiable_monthly"):
        datasets.dataset("salmonella")


def test_the_synthetic_cluster_is_the_same_for_the_same_seed() -> None:
    first, again, other = (datasets.synthetic_measles(seed) for seed in (1, 1, 2))
    assert first.to_csv() == again.to_csv()
    assert not np.array_equal(first.counts, other.counts)


def test_the_synthetic_cluster_says_that_it_is_synthetic() -> None:
    rows = list(datasets.synthetic_measles().rows())
    assert {row["origin"] for row in rows} == {"synthetic"}
    assert len(rows) == 6 * 320


def test_the_cluster_fills_the_last_weeks_and_stands_out() -> None:
    made = datasets.synthetic_measles(last_week=date(2026, 1, 5))
    assert str(made.week_starts[-1]) == "2026-01-05"
    assert set(np.diff(made.week_starts).astype(int).tolist()) == {7}
    assert not made.cluster[:, :-5].any()
    chibi = made.area_codes.index("421281")
    assert made.counts[chibi, -1] > made.counts[:, :-5].max()
    # A background of a few cases a year in each county, as where vaccination works.
    yearly = made.counts[:, :-5].sum(axis=1) / ((320 - 5) / 52.18)
    assert yearly.min() > 1
    assert yearly.max() < 25


@pytest.mark.parametrize(
    ("values", "message"),
    [({"last_week": date(2026, 1, 6)}, "Monday"), ({"weeks": 3}, "weeks must be an int >= 10. Got 3")],
)
def test_bad_settings_of_the_cluster(values: dict[str, date | int], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        datasets.synthetic_measles(1, **values)  # type: ignore[arg-type]
