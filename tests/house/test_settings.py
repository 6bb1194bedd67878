"""Settings: order of sources, and all problems at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from anlan.errors import ConfigurationError
from anlan.settings import Settings


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "anlan.toml"
    file.write_text('port = 1\nhost = "a"\nnode_name = "file"\n', encoding="utf-8")
    built = Settings.build(
        file, {"ANLAN_PORT": "2", "ANLAN_HOST": "b", "OTHER": "x"}, {"port": 3, "host": None}
    )
    assert (built.port, built.host, built.node_name, built.language) == (3, "b", "file", "zh")
    assert built.address == "http://b:3"


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "anlan.toml"
    file.write_text('portt = 1\npublic_release = "perhaps"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        Settings.build(file, {"ANLAN_PORT": "no", "ANLAN_LANGUAGE": "fr"}, {"database_url": "mysql://x"})
    said = str(caught.value)
    for part in ("portt", "perhaps", "port must be a number", "language must be zh or en", "postgresql://"):
        assert part in said


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml"):
        Settings.build(tmp_path / "missing.toml", {}, {})
