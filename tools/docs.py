"""Write the generated reference pages and, without ``--check``, render ``docs/`` to ``site/``.

Generated: settings, methods, command line. ``--check`` fails when a page in the tree differs from what the code says.
"""

from __future__ import annotations

import difflib
import html
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from markdown_it import MarkdownIt

from anlan.settings import Settings
from anlan.stats.counts import METHODS

ROOT = Path(__file__).parents[1]
DOCS, SITE = ROOT / "docs", ROOT / "site"
_RUN = "import sys; from anlan.cli import main; sys.exit(main())"
COMMANDS = (
    "",
    "detect",
    "methods",
    "evaluate",
    "import",
    "pack",
    "rule",
    "signals",
    "cap",
    "cap check",
    "cap import",
    "journal",
    "backup",
    "restore",
    "serve",
    "work",
    "demo",
)


def settings_page() -> str:
    rows = [
        f"| `{item.name}` | {type(getattr(Settings(), item.name)).__name__.replace('PosixPath', 'path')} "
        f"| `{getattr(Settings(), item.name)}` | {item.metadata['unit']} | {item.metadata['says']} |"
        for item in fields(Settings)
    ]
    head = (
        "# Settings\n\nOne object, built once: defaults < file (TOML, `--config`) < environment (`ANLAN_<NAME>`) < flags.\n"
        "Generated from `src/anlan/settings.py`.\n\n| setting | type | default | unit | what it does |\n|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def methods_page() -> str:
    parts = ["# Methods\n\nGenerated from the method table that the command line and the rule form use.\n"]
    for method in METHODS.values():
        parts.append(f"## {method.name}\n\n{method.title}\n")
        parts.append("| parameter | default | accepted |\n|---|---|---|")
        parts += [f"| `{item.name}` | `{item.default}` | {item.accepted} |" for item in method.parameters]
        parts.append(f"\nReference: {method.citation}\n")
    return "\n".join(parts)


def commands_page() -> str:
    # Rich measures the terminal; a fixed width keeps the page the same everywhere.
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    parts = ["# Command line\n\nGenerated from the commands' own help.\n"]
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-c", _RUN, *command.split(), "--help"],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        text = "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
        parts.append(f"## anlan {command}".rstrip() + f"\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


GENERATED = {
    "reference/settings.md": settings_page,
    "reference/methods.md": methods_page,
    "reference/commands.md": commands_page,
}


def check() -> int:
    wrong = 0
    for name, make in GENERATED.items():
        path = DOCS / name
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        wanted = make()
        if present != wanted:
            wrong += 1
            sys.stderr.write(f"docs/{name} is not what the code says; run `make docs`\n")
            sys.stderr.writelines(
                line + "\n"
                for line in list(
                    difflib.unified_diff(present.splitlines(), wanted.splitlines(), lineterm="")
                )[:40]
            )
    return 1 if wrong or pictures("--check") else 0


def pictures(*flags: str) -> int:
    """Draw the methods on real data (about four seconds), or say what is not drawn as the code draws it."""
    script = ROOT / "tools" / "method_pictures.py"
    return subprocess.run([sys.executable, str(script), *flags], check=False).returncode


def render() -> None:
    markdown = MarkdownIt("commonmark").enable("table")
    shutil.copytree(DOCS / "images", SITE / "images", dirs_exist_ok=True)
    (SITE / "methods").mkdir(parents=True, exist_ok=True)
    shutil.copy(DOCS / "methods" / "false_alarms.csv", SITE / "methods")
    style = "body{max-width:50rem;margin:2rem auto;padding:0 1rem;font:15px/1.6 system-ui}pre{overflow:auto;background:#8881;padding:.8rem}img{max-width:100%}td,th{padding:.2rem .6rem;border-bottom:1px solid #8884;text-align:left}"
    for source in sorted(DOCS.rglob("*.md")):
        target = SITE / source.relative_to(DOCS).with_suffix(".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        title = re.sub(r"^#\s*", "", text.splitlines()[0]) if text else source.stem
        body = re.sub(r'href="([^":]+)\.md(#[^"]*)?"', r'href="\1.html\2"', markdown.render(text))
        target.write_text(
            f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{html.escape(title)}</title><style>{style}</style>{body}</html>",
            encoding="utf-8",
        )


def main() -> int:
    if "--check" in sys.argv[1:]:
        return check()
    for name, make in GENERATED.items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(make(), encoding="utf-8")
    if pictures():
        return 1
    render()
    return 0


if __name__ == "__main__":
    sys.exit(main())
