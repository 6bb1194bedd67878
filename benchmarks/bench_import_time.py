"""How long a command-line user waits before anything happens.

Measures, alternating and repeated in fresh processes: a bare ``python -c pass``, ``import anlan``, ``anlan --version``,
``anlan --help`` and a whole ``anlan detect`` of a small file. Prints each as seconds, as a ratio to the bare
interpreter, and against its limit where one is promised. Ends with 1 when a limit is broken.

Run: ``python benchmarks/bench_import_time.py [repeats]``.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 15
# Seconds above the bare interpreter. The promise of the plan is for the import; the others are targets.
LIMITS = {"import anlan": 0.3}
CALL = "import sys; from anlan.cli import main; sys.exit(main(sys.argv[1:]))"


def commands(folder: Path) -> dict[str, list[str]]:
    """Name -> what to run. The file is seeded by arithmetic, so that every run judges the same counts."""
    file = folder / "cases.csv"
    rows = [
        f"2024-{month:02d}-{day:02d},{(7 * day + month) % 11}" for month in (1, 3, 5) for day in range(1, 31)
    ]
    file.write_text("day,cases\n" + "\n".join(rows) + "\n", encoding="utf-8")
    python = [sys.executable, "-c"]
    detect = ["detect", str(file), "--time", "day", "--value", "cases", "--method", "ears_c2", "--json"]
    return {
        "python -c pass": [*python, "pass"],
        "import anlan": [*python, "import anlan"],
        "anlan --version": [*python, CALL, "--version"],
        "anlan --help": [*python, CALL, "--help"],
        "anlan detect (90 days)": [*python, CALL, *detect],
    }


def measure(repeats: int) -> dict[str, list[float]]:
    """Seconds of each run. The commands take turns, so that a busy moment meets all of them."""
    source = str(Path(__file__).resolve().parents[1] / "src")
    environment = {**os.environ, "PYTHONPATH": source}
    with tempfile.TemporaryDirectory() as name:
        todo = commands(Path(name))
        taken: dict[str, list[float]] = {label: [] for label in todo}
        for turn in range(repeats + 1):
            for label, command in todo.items():
                start = time.perf_counter()
                done = subprocess.run(command, env=environment, capture_output=True, check=False)
                seconds = time.perf_counter() - start
                if done.returncode not in (0, 1):
                    raise SystemExit(f"{label} failed:\n{done.stderr.decode()}")
                if turn:  # the first turn fills the caches
                    taken[label].append(seconds)
    return taken


def main() -> int:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    taken = measure(repeats)
    bare = statistics.median(taken["python -c pass"])
    load = ", ".join(f"{item:.1f}" for item in os.getloadavg())
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load}, Python {platform.python_version()}, {repeats} runs"
    )
    print(f"{'':24}{'median s':>10}{'min':>8}{'max':>8}{'x bare':>8}{'above bare':>12}  limit")
    broken = []
    for label, seconds in taken.items():
        median = statistics.median(seconds)
        above = median - bare
        limit = LIMITS.get(label)
        said = "" if limit is None else f"{limit:.1f} s ({above / limit:.0%} of it)"
        print(
            f"{label:24}{median:10.3f}{min(seconds):8.3f}{max(seconds):8.3f}{median / bare:8.1f}{above:12.3f}  {said}"
        )
        if limit is not None and above > limit:
            broken.append(label)
    for label in broken:
        print(f"BROKEN: {label} takes more than {LIMITS[label]} s")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
