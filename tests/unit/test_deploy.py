"""Names in deploy/ exist, and its files agree with each other."""

import importlib.util
import os
import re
import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from engage.commands.config import settings_table
from refresher.health_check import LAG
from runtime.settings import ProcessSettings
from tests.alert_rules import DEPLOY, rules
from web.client_address import parse_networks

ROOT = Path(__file__).parents[2]
SETTINGS = set(re.findall(r"`(ENGAGE_\w+)`", settings_table()))
SHUTDOWN_SECONDS = ProcessSettings().shutdown_timeout_seconds
KUBERNETES = DEPLOY / "kubernetes"
SYSTEMD = DEPLOY / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
PACKAGE = ["python", "-m", "engagement_analytics"]


def test_every_setting_named_exists() -> None:
    texts = [path.read_text() for path in (*DEPLOY.rglob("*.*"), ROOT / "docker-compose.yml")]
    named = set(re.findall(r"\b(ENGAGE_[A-Z_]+)\b", "\n".join(texts)))

    assert len(named) > 12
    assert named - SETTINGS == set()


def test_only_single_addresses_are_trusted_as_proxies() -> None:
    text = "\n".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    found = re.findall(r"^[ -]*ENGAGE_TRUSTED_PROXIES=(\S*)$", text, re.MULTILINE)

    assert len(found) >= 2
    networks = [network for each in found for network in parse_networks(each)]
    assert all(network.num_addresses == 1 for network in networks)


def test_every_alert_has_a_runbook() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    titles = re.findall(r"^## (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for rule in rules():
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert path == "docs/troubleshooting.md"
        assert anchor in anchors, rule["alert"]


# Kubernetes.


@cache
def kustomization() -> dict[str, Any]:
    return dict(yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text()))


@cache
def objects(kind: str) -> dict[str, dict[str, Any]]:
    """Return the objects of this kind by name."""
    documents = [
        document
        for name in kustomization()["resources"]
        for document in yaml.safe_load_all((KUBERNETES / name).read_text())
    ]
    return {each["metadata"]["name"]: each for each in documents if each["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    workloads = objects("Deployment") | objects("Job")
    return {name: each["spec"]["template"]["spec"] for name, each in workloads.items()}


@pytest.mark.parametrize("name", pods())
def test_pod_runs_a_module_with_few_rights_its_own_login_and_private_secrets(name: str) -> None:
    pod = pods()[name]
    [container] = pod["containers"]
    secrets = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    variables = {each["name"]: each for each in container["env"]}
    url = variables.get("ENGAGE_DATABASE_URL")

    assert container["command"][:3] == PACKAGE
    assert importlib.util.find_spec(container["command"][3])
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert {secret["defaultMode"] for secret in secrets} == {0o440}
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    assert "ENGAGE_DATABASE_ROLE" not in variables
    assert (url and url["valueFrom"]["secretKeyRef"]["key"]) == (None if name == "ingest" else name)


@pytest.mark.parametrize("name", objects("Deployment"))
def test_deployment_is_probed_at_its_metrics_port_and_has_time_to_finish(name: str) -> None:
    pod = pods()[name]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    literals = kustomization()["configMapGenerator"][0]["literals"]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    pause = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [0])
    strategy = objects("Deployment")[name]["spec"]["strategy"]["rollingUpdate"]

    for probe in probes:
        assert probe["path"] in {"/healthz", "/readyz"}
        assert f"ENGAGE_METRICS_PORT={ports[probe['port']]}" in literals
    # What an operator must decide is no reason to restart a process.
    assert probes[1]["path"] == "/healthz"
    assert pod["terminationGracePeriodSeconds"] > SHUTDOWN_SECONDS + float(pause[-1])
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}


def test_services_budgets_and_scalers_are_about_deployments() -> None:
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
        # A number of replicas would undo what the scaler did.
        assert "replicas" not in deployments[name]["spec"]


def test_consumers_scale_on_a_lag_that_the_adapter_knows() -> None:
    [metric] = objects("HorizontalPodAutoscaler")["consumer"]["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    adapter = yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text())

    assert adapter["rules"]["external"][0]["seriesQuery"] == name
    assert name in {metric.name for metric in LAG.collect()}


# systemd, nginx and Prometheus on one host.

LOGINS = {
    "engage-migrate.service": "owner",
    "engage-consumer@.service": "consumer",
    "engage-refresher.service": "refresher",
    "engage-api.service": "reader",
    "engage-catalogue.service": "editor",
}
each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)


def options(unit: Path) -> dict[str, list[str]]:
    """Return the options of a unit; one can be there several times."""
    found = defaultdict(list)
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found[name].append(value)
    return found


def environment(unit: Path) -> dict[str, str]:
    return dict(each.split("=", 1) for each in options(unit)["Environment"])


def credentials(unit: Path) -> dict[str, str]:
    """Return the secret files of a unit, by the name that its process sees."""
    pairs = (each.split(":") for each in options(unit)["LoadCredential"])
    return {name: path.removeprefix("/etc/engagement/secrets/") for name, path in pairs}


@each_unit
def test_unit_runs_a_module_as_an_ordinary_user_with_its_own_secrets(unit: Path) -> None:
    found, secrets, login = options(unit), credentials(unit), LOGINS.get(unit.name)
    files = [name.removeprefix("-") for name in found["EnvironmentFile"]]
    shared = [(SYSTEMD / "env" / Path(name).name).read_text() for name in files]
    [command] = found["ExecStart"]

    assert command.startswith("/opt/engagement/bin/python -P -m engagement_analytics ")
    assert importlib.util.find_spec(command.split(" ")[-1])
    assert (found["DynamicUser"], found["NoNewPrivileges"]) == (["yes"], ["true"])
    assert found["User"] == [unit.stem.replace("@", "-%i")]
    assert secrets.get("ENGAGE_DATABASE_URL") == (login and f"{login}_database_url")
    assert ("ENGAGE_DERIVED_ID_SECRET" in secrets) == (unit.name == "engage-ingest@.service")
    assert "DATABASE_ROLE" not in unit.read_text()
    assert not re.search(r"_URL=|PASSWORD=|SECRET=", "".join(shared))


@each_unit
def test_unit_is_restarted_alone_and_has_time_to_finish(unit: Path) -> None:
    found = options(unit)
    seconds = [float(value.removesuffix("s")) for value in found["TimeoutStopSec"]]

    assert found["Requires"] == found["RemainAfterExit"] == []
    assert found["Type"] == ["oneshot"] or found["Restart"] == ["always"]
    assert found["Type"] == ["oneshot"] or seconds[0] > SHUTDOWN_SECONDS


@each_unit
def test_unit_with_api_keys_reads_them_and_records_their_use_elsewhere(unit: Path) -> None:
    found = options(unit)
    if "/etc/engagement/http.env" not in found["EnvironmentFile"]:
        assert "engage-keys" not in unit.read_text()
        return
    http = (SYSTEMD / "env" / "http.env").read_text()

    assert found["SupplementaryGroups"] == ["engage-keys"]
    assert found["ProtectSystem"] == ["strict"]
    assert environment(unit)["ENGAGE_KEY_USES_DIR"] == f"%S/{found['StateDirectory'][0]}"
    assert "\nENGAGE_API_KEYS_FILE=/etc/engagement/keys/api_keys.json\n" in http


def test_every_credential_is_a_file_that_the_script_creates(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    created: list[dict[str, str]] = []
    for password in ("first", "second"):  # a second run changes nothing
        variables = {"PATH": os.defpath, "OWNER_PASSWORD": password, "PGPORT": "5433"}
        subprocess.run([SYSTEMD / "make-secrets.sh", folder], check=True, env=variables)
        created.append({path.name: path.read_text() for path in folder.iterdir()})
    files = {file for unit in UNITS for file in credentials(unit).values()}

    assert created[0] == created[1]
    assert set(created[0]) == files
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    for role in ("consumer", "refresher", "reader", "editor"):
        password = created[0][f"{role}_database_password"]
        url = f"postgresql://engage_{role}:{password}@127.0.0.1:5433/engagement\n"
        assert len(password) == 64
        assert created[0][f"{role}_database_url"] == url
    assert "engage_migrator:first@" in created[0]["owner_database_url"]
    assert len(set(created[0].values())) == len(created[0])


def test_target_nginx_and_prometheus_agree_with_the_units() -> None:
    target = (SYSTEMD / "engagement.target").read_text()
    nginx = (DEPLOY / "nginx" / "engagement.conf").read_text()
    prometheus = (DEPLOY / "prometheus" / "one-host.yml").read_text()
    started = re.findall(r"([\w-]+@?)(\w*)\.service", target)
    ports = {"ENGAGE_PORT": set(), "ENGAGE_METRICS_PORT": set()}
    for name, instance in started:
        variables = environment(SYSTEMD / f"{name}.service")
        for variable in ports.keys() & variables.keys():
            ports[variable].add(variables[variable].replace("%i", instance))

    assert {name for name, _ in started} | {"engage-migrate"} == {unit.stem for unit in UNITS}
    assert set(re.findall(r"server 127\.0\.0\.1:(\d+)", nginx)) == ports["ENGAGE_PORT"]
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", prometheus)) == ports["ENGAGE_METRICS_PORT"]
