from __future__ import annotations

import pytest

from anlan.registry.yaml_lines import MAX_BYTES, read_yaml


def _keys(text: str | bytes) -> list[tuple[str, object]]:
    content = text.encode() if isinstance(text, str) else text
    return [(problem.key, problem.where.get("line")) for problem in read_yaml(content, "f.yaml").problems]


def test_values_and_their_lines() -> None:
    document = read_yaml(
        b"a: 1\nb:\n  - x: no\n    y: 2024-03-05\n  - [1.5, ~, true, '', 012, 1:30, 1e3]\n", "f.yaml"
    )
    assert document.data == {
        "a": 1,
        "b": [{"x": "no", "y": "2024-03-05"}, [1.5, None, True, "", "012", "1:30", 1000.0]],
    }
    assert document.line(("b", 0, "y")) == 4
    assert document.line(("b", 1)) == 5
    assert document.line(("b", 0, "missing")) == 3
    assert document.line(()) == 1


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a: &x 1\nb: *x\n", "pack.alias", 1),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "pack.tag", 2),
        ("a: 1\n\na: 2\n", "pack.key_twice", 3),
        ("a: 1\n---\nb: 2\n", "pack.many_documents", 2),
        ("a: 1\nb: [1\n", "pack.not_yaml", 3),
        ("a: 1\n? [1, 2]\n: 3\n", "pack.key_not_text", 2),
        ("[" * 5000, "pack.too_deep", 1),
        ("a: !!set {b}\n", "pack.tag", 1),
    ],
)
def test_what_is_refused(text: str, key: str, line: int) -> None:
    assert (key, line) in _keys(text)


def test_a_thousand_laughs_are_refused_at_the_first_anchor() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert _keys("\n".join(lines)) == [("pack.alias", 1)]


def test_size_and_encoding() -> None:
    assert _keys(b"a: " + b"x" * MAX_BYTES) == [("pack.too_large", 1)]
    assert _keys("名: 赤壁".encode("gb18030")) == [("pack.not_utf8", 1)]
    assert _keys("[" + "1," * 60_000 + "1]") == [("pack.too_deep", 1)]
    assert read_yaml("\ufeffa: 赤壁".encode(), "f.yaml").data == {"a": "赤壁"}
    assert read_yaml(b"", "f.yaml").data is None
