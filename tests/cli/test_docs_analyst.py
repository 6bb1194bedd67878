"""docs/start/analyst.md holds: its commands print what it says, its Python runs.

To renew the printed output after a change: ``ANLAN_RENEW_DOCS=1 pytest tests/cli/test_docs_analyst.py``, then read the
difference.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from anlan.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "start" / "analyst.md"
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANLAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "100")
    text = PAGE.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    renewed = text
    for kind, block in BLOCK.findall(text):
        if kind == "python":
            exec(block, names)
            continue
        command, _, printed = block.partition("\n")
        assert main(shlex.split(command.removeprefix("$ anlan "))) in (0, 1)
        said = "".join(f"{line.rstrip()}\n" for line in capsys.readouterr().out.splitlines())
        renewed = renewed.replace(block, f"{command}\n{said}", 1)
        if not os.environ.get("ANLAN_RENEW_DOCS"):
            assert printed == said, "renew the page, see above"
    if renewed != text:
        PAGE.write_text(renewed, encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"cases.csv", "out.html", "out.csv", "measles.svg"}
    assert names["alarms"].height > 0
