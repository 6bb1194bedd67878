"""A tiny installed package in a folder: a module and the metadata that an installer would write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "howto" / "new-detector.md"


def blocks(kind: str) -> list[str]:
    """The examples of the page that tells authors how: what they read is what is tested."""
    return re.findall(rf"```{kind}\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)


MEAN_OF_LAST = blocks("python")[0]


def install(folder: Path, package: str, entry_points: Mapping[str, str], module: str, code: str) -> None:
    """Write ``module`` and the metadata of ``package`` 1.0 into ``folder``, which is to stand on ``sys.path``."""
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8"
    )
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("[anlan.methods]\n" + "\n".join(lines) + "\n", encoding="utf-8")
