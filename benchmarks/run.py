"""Run the benchmarks one after another and write ``benchmarks/RESULTS.md`` with machine, versions and load.

Each benchmark is a script that prints Markdown lines (figures as ratios) and ends with 0; 3 means that a peer it
needs is not on this machine, which is said and is no failure.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PEER_MISSING = 3


def machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor() or "unknown",
    )
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "polars", "sqlalchemy"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {model}, {os.cpu_count()} cores · load {load} at the start\n\n"
        f"Python {platform.python_version()}, {packages}, {platform.system()} {platform.release()}\n"
    )


def main() -> int:
    wanted = sys.argv[1:]
    scripts = [
        path
        for path in sorted(HERE.glob("bench_*.py"))
        if not wanted or any(word in path.stem for word in wanted)
    ]
    parts = [
        "# Results\n",
        "Shared, noisy machines: read the ratios. Run again with `make bench`.\n",
        machine(),
    ]
    failed = 0
    for script in scripts:
        began = time.perf_counter()
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        parts.append(f"## {script.stem.removeprefix('bench_').replace('_', ' ')}\n")
        parts.append(done.stdout.strip() + "\n")
        if done.returncode not in (0, PEER_MISSING):
            failed += 1
            parts.append(f"**failed** with {done.returncode}\n\n```text\n{done.stderr[-2000:]}\n```\n")
        parts.append(f"({seconds:.0f} s)\n")
        print("\n".join(parts[-4:]), flush=True)
    if not wanted:
        (HERE / "RESULTS.md").write_text("\n".join(parts), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
