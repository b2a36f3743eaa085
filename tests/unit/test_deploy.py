"""What deploy/ names exists, and what must agree in it does."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from engage.configuration import settings_table
from schema.settings import ProcessSettings
from tests.monitored import DEPLOY, rules

ROOT = Path(__file__).parents[2]
SETTINGS = set(re.findall(r"`(ENGAGE_\w+)`", settings_table()))
SHUTDOWN_SECONDS = ProcessSettings().shutdown_timeout_seconds
KUBERNETES = DEPLOY / "kubernetes"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SIDE_PORT = (ROOT / "schema" / "http" / "side_port.py").read_text(encoding="utf-8")


def kustomization() -> dict[str, Any]:
    return dict(yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8")))


@cache
def objects(kind: str) -> dict[str, dict[str, Any]]:
    """Objects of this kind by name."""
    found = {}
    for name in kustomization()["resources"]:
        for each in yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8")):
            if each["kind"] == kind:
                found[each["metadata"]["name"]] = each
    return found


def pods() -> dict[str, dict[str, Any]]:
    workloads = objects("Deployment") | objects("Job")
    return {name: each["spec"]["template"]["spec"] for name, each in workloads.items()}


def given(unit: Path) -> dict[str, str]:
    """A unit's own settings."""
    lines = re.findall(r"^Environment=(\w+)=(.*)$", unit.read_text(), re.MULTILINE)
    return dict(lines)


def module_of(unit: Path) -> str:
    [module] = re.findall(
        r"^ExecStart=/opt/engagement/bin/python -P -m (\S+)$", unit.read_text(), re.MULTILINE
    )
    return str(module)


def is_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def test_every_setting_named_exists() -> None:
    named = set()
    for path in DEPLOY.rglob("*.*"):
        named |= set(re.findall(r"\b(ENGAGE_[A-Z_]+)\b", path.read_text(encoding="utf-8")))

    assert len(named) > 12
    assert named - SETTINGS == set()


def test_every_alert_leads_to_what_to_do() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for rule in rules():
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert path == "docs/troubleshooting.md"
        assert anchor in anchors, rule["alert"]


# Kubernetes.


@pytest.mark.parametrize("name", pods())
def test_a_pod_runs_a_module_with_as_few_rights_as_it_needs(name: str) -> None:
    pod = pods()[name]
    [container] = pod["containers"]

    assert container["command"][:2] == ["python", "-m"]
    assert is_module(container["command"][2])
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])


@pytest.mark.parametrize("name", objects("Deployment"))
def test_probes_ask_for_what_the_side_port_answers(name: str) -> None:
    [container] = pods()[name]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    literals = kustomization()["configMapGenerator"][0]["literals"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert f'"{asked["path"]}"' in SIDE_PORT
        assert f"ENGAGE_METRICS_PORT={ports[asked['port']]}" in literals
    # What a person must decide is no reason to start a process anew.
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


@pytest.mark.parametrize("name", objects("Deployment"))
def test_a_pod_has_the_time_to_finish_what_it_took(name: str) -> None:
    pod = pods()[name]
    [container] = pod["containers"]
    pause = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [0])
    assert pod["terminationGracePeriodSeconds"] > SHUTDOWN_SECONDS + float(pause[-1])
    strategy = objects("Deployment")[name]["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}


def test_services_and_budgets_and_scalers_lead_to_deployments() -> None:
    deployments = objects("Deployment")
    for name, service in objects("Service").items():
        assert service["spec"]["selector"] == {"app.kubernetes.io/name": name}
        [container] = pods()[name]["containers"]
        [port] = [p["containerPort"] for p in container["ports"] if p["name"] == "http"]
        assert service["spec"]["ports"][0]["port"] == port
        assert {"name": "ENGAGE_PORT", "value": str(port)} in container["env"]
    for name, budget in objects("PodDisruptionBudget").items():
        assert budget["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": name}
        assert name in deployments
    for name, scaler in objects("HorizontalPodAutoscaler").items():
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
        # What scales has no number of its own, which would undo what the scaler did.
        assert "replicas" not in deployments[name]["spec"]


def test_consumers_scale_on_a_lag_that_the_adapter_knows() -> None:
    [metric] = objects("HorizontalPodAutoscaler")["consumer"]["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    adapter = yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text(encoding="utf-8"))

    assert adapter["rules"]["external"][0]["seriesQuery"] == name
    watch = ROOT / "analytics_api" / "refresher" / "watch.py"
    assert f'"{name}"' in watch.read_text(encoding="utf-8")


def test_every_secret_is_one_that_the_docs_tell_to_make() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    text = "".join(path.read_text(encoding="utf-8") for path in KUBERNETES.glob("*.yaml"))
    secrets = set(re.findall(r"secretKeyRef: \{name: ([\w-]+)", text))
    secrets |= set(re.findall(r"secretName: ([\w-]+)", text))

    assert len(secrets) == 4
    assert {s for s in secrets if f"create secret generic {s}" not in page} == set()


# systemd, nginx and Prometheus on one host.


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_module_as_an_ordinary_user(unit: Path) -> None:
    text = unit.read_text()

    assert is_module(module_of(unit))
    assert "\nUser=engage\n" in text
    assert "\nNoNewPrivileges=true\n" in text
    for name in re.findall(r"^EnvironmentFile=-?/etc/engagement/(.+)$", text, re.MULTILINE):
        assert (DEPLOY / "systemd" / "env" / name).exists()


@pytest.mark.parametrize(
    "unit", [u for u in UNITS if "oneshot" not in u.read_text()], ids=lambda path: path.name
)
def test_a_service_comes_back_and_has_the_time_to_finish(unit: Path) -> None:
    text = unit.read_text()
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)s$", text, re.MULTILINE)

    assert "\nRestart=always\n" in text
    assert float(seconds) > SHUTDOWN_SECONDS


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_no_unit_stays_down_because_another_failed_at_first(unit: Path) -> None:
    assert "\nRequires=" not in unit.read_text()
    assert "\nRemainAfterExit=" not in unit.read_text()


def test_the_target_wants_every_service_there_is() -> None:
    wanted = re.findall(
        r"([\w-]+@?)\w*\.service", (DEPLOY / "systemd" / "engagement.target").read_text()
    )
    assert {f"{name}.service" for name in wanted} | {"engage-migrate.service"} == {
        unit.name for unit in UNITS
    }


def test_nginx_and_prometheus_go_where_the_units_listen() -> None:
    target = (DEPLOY / "systemd" / "engagement.target").read_text()
    listening, side = set(), set()
    for unit in UNITS:
        settings = given(unit)
        for instance in re.findall(rf"{unit.stem}(\d*)\.service", target):
            listening.add(settings.get("ENGAGE_PORT", "").replace("%i", instance))
            side.add(settings.get("ENGAGE_METRICS_PORT", "").replace("%i", instance))
    nginx = (DEPLOY / "nginx" / "engagement.conf").read_text()
    prometheus = (DEPLOY / "prometheus" / "one-host.yml").read_text()

    assert set(re.findall(r"server 127\.0\.0\.1:(\d+)", nginx)) == listening - {""}
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", prometheus)) == side - {""}
