"""Read a YAML file as plain data and remember the line of every value. A small, safe part of YAML only.

No tags, anchors, aliases or merge keys (so no file can grow when it is read), one document, keys are text and stand
once. Scalars are null, true/false, numbers or text: dates, ``yes`` and ``no`` stay text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from anlan.errors import Problem
from anlan.texts import say

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 50_000

Path = tuple[str | int, ...]

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "problem", "read_yaml"]


@dataclass
class Document:
    """The data of a file, the line of every value in it, and what was wrong with it."""

    file: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest value around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def add(self, key: str, path: Path = (), /, **values: object) -> None:
        """Note a problem at a value."""
        self.problems.append(problem(key, self.file, self.line(path), **values))


def problem(key: str, file: str, line: int | None = None, /, **values: object) -> Problem:
    """A problem in a file, with its English sentence filled in."""
    where: dict[str, object] = {"file": file} if line is None else {"file": file, "line": line}
    return Problem(key, values, where, say(key, "en", **values))


class _PlainLoader(yaml.SafeLoader):
    """YAML without implicit dates, sexagesimals and the yes/no booleans of YAML 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"~|null|", "~n\0"),
    ("tag:yaml.org,2002:bool", r"true|false", "tf"),
    ("tag:yaml.org,2002:int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("tag:yaml.org,2002:float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _PlainLoader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), [*_first.replace("\0", ""), ""])


def read_yaml(content: bytes, file: str) -> Document:
    """Read a file's bytes. Problems are noted in the document, never raised."""
    document = Document(file)
    if len(content) > MAX_BYTES:
        document.add("pack.too_large", size=len(content), limit=MAX_BYTES)
        return document
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document.add("pack.not_utf8", position=error.start)
        return document
    try:
        # Events first: aliases are refused before any node is built, and nesting before it can exhaust the stack.
        if not _events_are_plain(text, document):
            return document
        node = yaml.compose(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        document.problems.append(problem("pack.not_yaml", file, line, reason=error.problem or "unreadable"))
        return document
    except (yaml.YAMLError, RecursionError) as error:
        document.add("pack.not_yaml", reason=str(error).splitlines()[0])
        return document
    if node is not None:
        document.data = _value(node, (), document)
    return document


def _events_are_plain(text: str, document: Document) -> bool:
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=_PlainLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                document.problems.append(problem("pack.many_documents", document.file, line))
                return False
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            document.problems.append(problem("pack.alias", document.file, line))
            return False
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            document.problems.append(
                problem("pack.too_deep", document.file, line, depth=MAX_DEPTH, nodes=MAX_NODES)
            )
            return False
    return True


def _value(node: yaml.Node, path: Path, document: Document) -> Any:
    document.lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [_value(child, (*path, number), document) for number, child in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, document)
    document.add("pack.tag", path, tag=node.tag)
    return None


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        name: Hashable = key_node.value
        if not isinstance(key_node, yaml.ScalarNode) or not isinstance(name, str):
            document.lines[(*path, "?")] = key_node.start_mark.line + 1
            document.add("pack.key_not_text", (*path, "?"))
            continue
        if name in found:
            document.lines[(*path, name)] = key_node.start_mark.line + 1
            document.add("pack.key_twice", (*path, name), key=name)
            continue
        found[name] = _value(value_node, (*path, name), document)
        # The line of a key is what a person looks for, also where its value begins on the next line.
        document.lines[(*path, name)] = key_node.start_mark.line + 1
    return found


def _scalar(node: yaml.ScalarNode, path: Path, document: Document) -> Any:
    kind, text = node.tag.rpartition(":")[2], node.value
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text == "true"
    if kind == "int" and len(text) <= 18:
        return int(text)
    if kind in ("int", "float"):
        return float(text)
    document.add("pack.tag", path, tag=node.tag)
    return None
