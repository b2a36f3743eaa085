"""bench/results.json: the last figures of each scenario, and the machine they were taken on."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.result import Result

RESULTS = Path(__file__).with_name("results.json")


def write(scenario: str, results: Iterable[Result], *, is_quick: bool) -> None:
    """Replace what the file says of a scenario; what it says of others stays."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[scenario] = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": is_quick,
        "machine": machine(),
        "results": [_plain(result) for result in results],
    }
    RESULTS.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


def machine() -> dict[str, Any]:
    """Return what the figures depend on and a reader may know."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gigabytes": round(pages * size / 1e9),
        "python": platform.python_version(),
        "kernel": platform.release().partition("-")[0],
        "load_before": round(os.getloadavg()[0], 1),
    }


def _plain(result: Result) -> dict[str, Any]:
    goal = result.goal
    return {
        "name": result.name,
        "unit": result.unit,
        "value": _rounded(result.value),
        "floor": _rounded(result.floor),
        "ratio": _rounded(result.ratio),
        "spread": _rounded(result.spread),
        "rounds": len(result.values),
        "series": result.series,
        "size": result.size,
        "goal": goal and asdict(goal),
        "verdict": result.verdict,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
