"""Names of metrics in the alert rules and on the dashboard of deploy/."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "engagement.json"
_PARTS_OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield title and PromQL of each rule and panel."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def names_in(expression: str) -> set[str]:
    """Return the metrics in an expression; histograms without the suffix of their series."""
    found = re.findall(r"\b((?:engage|process)_\w+)", expression)
    return {_PARTS_OF_HISTOGRAMS.sub("", name) for name in found}
