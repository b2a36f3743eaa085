"""Plots of bench/results.json: results relative to their goals, and cost by size.

Run by `make plots`, in the environment of requirements/notebook.lock.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "engagement-analytics"  # the same figures give the same file
_MOST_TIMES = 100
_COLOURS = {"aim": "#009e73", "must": "#e69f00", "missed": "#d55e00", "": "#888888"}


def main(source: Path, target: Path) -> None:
    """Plot the results in *source* into the folder *target*."""
    target.mkdir(parents=True, exist_ok=True)
    found = json.loads(source.read_text())
    rows = [row for scenario in found.values() for row in scenario["results"]]
    _goals([row for row in rows if row["goal"]], target / "goals.svg")
    if sized := [row for row in rows if row["series"]]:
        _sizes(sized, target / "sizes.svg")


def _goals(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot a bar per goal; one that ends right of 1 is reached."""
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(rows) + 1))
    for place, row in enumerate(reversed(rows)):
        measured, must = (
            row["ratio" if row["goal"]["of"] == "ratio" else "value"],
            row["goal"]["must"],
        )
        least = must / _MOST_TIMES  # a ceiling of which nothing is used
        reached = must / max(measured, least) if row["goal"]["is_ceiling"] else measured / must
        axes.barh(place, reached, color=_COLOURS[row["verdict"]])
    axes.set_yticks(range(len(rows)), [row["name"] for row in reversed(rows)])
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("times better than the goal asks")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def _sizes(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot a line per series: its value by the number of events."""
    figure, axes = plt.subplots(figsize=(9, 6))
    for series in sorted({row["series"] for row in rows}):
        points = sorted((row["size"], row["value"]) for row in rows if row["series"] == series)
        axes.plot(*zip(*points, strict=True), marker="o", label=series, linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="events stored", ylabel="ms")
    axes.legend(bbox_to_anchor=(1.02, 1), loc="upper left", fontsize="small")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
