"""The plan of the house, held by tests: tables have kinds, queries have scopes, the wheel holds nothing borrowed."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from anlan.store import metadata

ROOT = Path(__file__).parents[2]
ROOMS = ("registry", "series", "intake", "analysis", "assessment", "warning", "resolution")
KINDS = {"versions", "rows", "housekeeping", "journal"}


def _tables() -> list[sa.Table]:
    for room in ROOMS:
        importlib.import_module(f"anlan.{room}.tables")
    return list(metadata.sorted_tables)


def _queries() -> Iterator[tuple[str, ModuleType, str]]:
    for room in ROOMS:
        try:
            module = importlib.import_module(f"anlan.{room}.queries")
        except ModuleNotFoundError as missing:
            if missing.name == f"anlan.{room}.queries":
                continue
            raise
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)):
                yield room, module, name


def test_every_table_says_its_kind_and_keeps_it() -> None:
    wrong = []
    for table in _tables():
        kind = table.info.get("kind")
        if kind not in KINDS:
            wrong.append(f"{table.name}: kind {kind!r}")
        if kind == "versions":
            if "known_seq" not in table.c or "known_seq" not in table.primary_key.columns:
                wrong.append(f"{table.name}: known_seq is not part of the key")
            if not table.info.get("key"):
                wrong.append(f"{table.name}: no key in its info")
            if not any(list(index.columns)[0].name == "known_seq" for index in table.indexes):
                wrong.append(f"{table.name}: no index that begins with known_seq")
    assert not wrong, "\n".join(wrong)


def test_every_public_query_takes_a_scope() -> None:
    found = list(_queries())
    assert found
    without = [
        f"{room}.{name}"
        for room, module, name in found
        if "scope" not in inspect.signature(getattr(module, name)).parameters
    ]
    assert not without, f"queries without a scope: {without}"


def test_what_a_package_exports_can_be_imported() -> None:
    for package in ("stats.counts", "store", "texts", *ROOMS):
        module = importlib.import_module(f"anlan.{package}")
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"anlan.{package}.{name}"


def test_the_library_half_imports_without_the_server() -> None:
    code = (
        "import sys\n"
        "for name in ('sqlalchemy','fastapi','pydantic','typer','rich','polars','pandas','lxml','jinja2','numba'):\n"
        "    sys.modules[name] = None\n"
        "import anlan, anlan.stats.counts, anlan.standards, anlan.datasets, anlan.frames\n"
        "assert callable(anlan.detect)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_built_packages_hold_no_reference_data(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    (sdist,) = tmp_path.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive, tarfile.open(sdist) as source:
        names = [*archive.namelist(), *source.getnames()]
    reference = {path.name for path in (ROOT / "tests" / "reference").rglob("*") if path.is_file()}
    common = {"README.md", "LICENSES.md", "index.csv", "cap-v1.2.xsd"}
    borrowed = [name for name in names if Path(name).name in reference - common or "tests/" in name]
    shipped = {path.name for path in (ROOT / "src" / "anlan" / "datasets").iterdir()}
    assert reference
    assert [name for name in borrowed if Path(name).name not in shipped] == []
    assert any(name.endswith("anlan/py.typed") for name in names)
