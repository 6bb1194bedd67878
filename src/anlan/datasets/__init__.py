"""Small data sets that ship with the package, each with its source and licence.

All are real except ``synthetic_measles``, which is a function because it is invented, and says so in every row.
Files are kept as published and read as text; ``catalogue.toml`` beside them says what they are.

    >>> from anlan import datasets
    >>> flu = datasets.h7n9_china_2013_linelist()
    >>> flu.licence
    'MIT'
    >>> next(flu.rows())["province"]
    'Shanghai'
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from anlan.datasets.synthetic import SyntheticCounts, synthetic_measles
from anlan.errors import InputError, NotFoundError

__all__ = [
    "Dataset",
    "SyntheticCounts",
    "areas",
    "cn_notifiable_monthly",
    "dataset",
    "dataset_names",
    "de_covid_hospitalisation_revisions",
    "h7n9_china_2013_linelist",
    "hubei_counties",
    "synthetic_measles",
    "xianning_counties",
    "xianning_neighbours",
    "xianning_published_figures",
]


@dataclass(frozen=True)
class Dataset:
    """What a file is, who made it, under which terms, and how to read it.

    ``attribution`` is the line that must stand beside anything shown from the data, by language.
    ``columns`` says what each column (CSV) or property (GeoJSON) means.
    """

    name: str
    file: str
    title: Mapping[str, str]
    source: str
    licence: str
    attribution: Mapping[str, str]
    citation: str
    notes: str
    columns: Mapping[str, str]

    @property
    def path(self) -> Traversable:
        """The file inside the package; ``importlib.resources.as_file`` gives a real path."""
        return files("anlan.datasets") / self.file

    def read_bytes(self) -> bytes:
        """The file as published."""
        return self.path.read_bytes()

    def rows(self) -> Iterator[dict[str, str]]:
        """Rows of a CSV file as text by column; an empty cell is an empty string.

        Raises
        ------
        InputError
            The data set is not a CSV file.
        """
        if not self.file.endswith(".csv"):
            raise InputError(f"rows() reads CSV files; {self.file} is not one. Use read_bytes().")
        yield from csv.DictReader(io.StringIO(self.read_bytes().decode("utf-8"), newline=""))


@cache
def _catalogue() -> Mapping[str, Dataset]:
    text = (files("anlan.datasets") / "catalogue.toml").read_text(encoding="utf-8")
    return MappingProxyType(
        {name: Dataset(name=name, **entry) for name, entry in tomllib.loads(text).items()}
    )


def dataset_names() -> tuple[str, ...]:
    """Names of all data sets that are files."""
    return tuple(_catalogue())


def dataset(name: str) -> Dataset:
    """Find a data set by name.

    Raises
    ------
    NotFoundError
        No data set has this name; the message lists those that exist.
    """
    try:
        return _catalogue()[name]
    except KeyError:
        raise NotFoundError(f"no data set {name!r}; there are {', '.join(_catalogue())}.") from None


def cn_notifiable_monthly() -> Dataset:
    """Notifiable diseases of mainland China by month, 2010-2025: cases and deaths."""
    return dataset("cn_notifiable_monthly")


def de_covid_hospitalisation_revisions() -> Dataset:
    """COVID-19 hospitalisations of Germany and its states, every value with the day it became known."""
    return dataset("de_covid_hospitalisation_revisions")


def h7n9_china_2013_linelist() -> Dataset:
    """Line list of influenza A(H7N9) in China 2013; retrospective, without report dates."""
    return dataset("h7n9_china_2013_linelist")


def xianning_published_figures() -> Dataset:
    """The city's published air and surface water figures; first and last year of each comparison."""
    return dataset("xianning_published_figures")


def areas() -> Dataset:
    """Codes, parents and names of the areas of the demo, without outlines."""
    return dataset("areas")


def xianning_counties() -> Dataset:
    """Outlines (GeoJSON) of the six counties of Xianning."""
    return dataset("xianning_counties")


def xianning_neighbours() -> Dataset:
    """Outlines (GeoJSON) of the ten counties that touch Xianning."""
    return dataset("xianning_neighbours")


def hubei_counties() -> Dataset:
    """Outlines (GeoJSON) of the 103 counties of Hubei."""
    return dataset("hubei_counties")
