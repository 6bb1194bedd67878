"""The whole design of Bédubourg and Le Strat (2017) in size: 231,000 series, in 55 parts of 4,200. Hours, in pieces."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from anlan.stats.evaluation import WHOLE_DESIGN_PARTS

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "benchmarks" / "bench_evaluation.py"
MEBIBYTE = 1024  # ru_maxrss is in KiB


def kept_for_this_code() -> Path:
    """A folder for the parts that are done; other numerics begin anew."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src" / "anlan" / "stats").rglob("*.py")):
        digest.update(path.read_bytes())
    return ROOT / ".make" / "soak" / f"evaluation-{digest.hexdigest()[:12]}"


@pytest.mark.soak
def test_the_whole_design_holds_the_goals_in_bounded_memory() -> None:
    """Anlan against Farrington flexible and Bayes 3; an interrupted run goes on where it stopped."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--whole", str(WHOLE_DESIGN_PARTS), "--keep", str(kept_for_this_code())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "### 231000 of 231000 series" in done.stdout
    assert "All goals hold." in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1500 * MEBIBYTE


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # the script sets them, and this undoes it
    spec = importlib.util.spec_from_file_location("bench_evaluation_of_the_test", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures(part: int) -> dict[str, float]:
    found = {"series": 4200.0}
    for name in ("anlan", "ears_c2"):
        found |= {f"rate/{name}": 0.01, f"pod/{name}": 0.5, f"pod_first_week/{name}": 0.4}
        found |= {f"delay/{name}": 1.0, f"ppv/{name}": 0.6}
    gains = {"pod": 0.06, "pod_first_week": 0.01, "delay": -0.1, "ppv": 0.05}
    found |= {f"ears_c2/{name}": gain + part / 1000 for name, gain in gains.items()}
    found |= {f"ears_c2/scenario/{number}": 0.05 for number in range(1, 43)}
    return found | {f"group/{number}": 0.01 for number in range(1, 8)}


def test_an_interrupted_design_goes_on_where_it_stopped(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: list[int] = []

    def measure(part: int, names: Sequence[str], *, seed: int) -> dict[str, float]:
        assert (list(names), seed) == (["ears_c2"], 7)
        run.append(part)
        if run == [0, 1]:
            raise KeyboardInterrupt
        return figures(part)

    monkeypatch.setattr(benchmark, "measure_part", measure)
    with pytest.raises(KeyboardInterrupt):
        benchmark.whole_design(["ears_c2"], 3, 7, tmp_path, None)
    assert benchmark.whole_design(["ears_c2"], 3, 7, tmp_path, None) == 0

    assert run == [0, 1, 1, 2]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json"] * 3
    assert json.loads((tmp_path / "part-7-02-ears_c2.json").read_text(encoding="utf-8")) == figures(2)
    said = capsys.readouterr().out
    assert "12600 of 231000 series" in said
    assert "| ears_c2 | +6.1 ± 0.2 |" in said


def test_a_missed_goal_is_said(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = {"ears_c2/pod": 0.03, "group/2": 0.016}
    monkeypatch.setattr(
        benchmark, "measure_part", lambda part, _names, *, seed: figures(part + 0 * seed) | worse
    )

    assert benchmark.whole_design(["ears_c2"], 2, 7, None, None) == 1
    assert "**Missed**: group/2 1.60 %; pod against ears_c2" in capsys.readouterr().out
