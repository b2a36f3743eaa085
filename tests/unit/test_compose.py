"""Names in the Compose file and the image exist, and services are restricted."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
IMAGE = "engagement-analytics:local"
OURS = {name: service for name, service in SERVICES.items() if service["image"] == IMAGE}
ONE_SHOT = {"topic", "migrate", "keys"}
ON_DEMAND = {"load", "show-key"}
LOGINS = {
    "migrate": "engage_migrator",
    "consumer": "engage_consumer",
    "refresher": "engage_refresher",
    "api": "engage_reader",
    "catalogue": "engage_editor",
    "load": "engage_migrator",
}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def environment(service: str) -> dict[str, str]:
    return dict(SERVICES[service].get("environment", {}))


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT - ON_DEMAND))
def test_service_has_a_health_check_and_is_restarted(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(OURS))
def test_service_runs_a_module_without_privileges(name: str) -> None:
    service = OURS[name]
    command = service.get("command", [])

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    if command[:1] == ["python"]:
        assert command[:3] == ["python", "-m", "engagement_analytics"]
        assert (ROOT / command[3].replace(".", "/")).exists()


def test_ports_are_on_loopback_and_secrets_come_from_the_environment() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    secrets = [
        str(value)
        for name in SERVICES
        for variable, value in environment(name).items()
        if re.search(r"PASSWORD|SECRET|DATABASE_URL", variable)
    ]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(secrets) > 10
    assert all(re.search(r"\$\{[A-Z_]+:\?", value) for value in secrets)


def test_each_service_has_its_own_login_and_none_is_the_superuser() -> None:
    urls = {name: environment(name).get("ENGAGE_DATABASE_URL") for name in SERVICES}
    logins = {name: re.split(r"://|:\$", url)[1] for name, url in urls.items() if url}

    assert logins == LOGINS
    assert [n for n, s in SERVICES.items() if "POSTGRES_PASSWORD" in str(s)] == ["postgres"]
    assert not [name for name in OURS if "ENGAGE_DATABASE_ROLE" in environment(name)]


def test_keys_are_created_once_and_printed_on_demand_only(tmp_path: Path) -> None:
    def run(service: str, argument: str) -> str:
        command = [*SERVICES[service]["entrypoint"], argument]
        done = subprocess.run(
            [part.replace("$$", "$").replace("/plain-keys", str(tmp_path)) for part in command],
            env={"PATH": f"{tmp_path}:{os.defpath}"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout + done.stderr

    engage = tmp_path / "engage"
    engage.write_text('#!/bin/sh\necho "eng_$4_$(od -An -N4 -tx4 /dev/urandom | tr -d " ")"\n')
    engage.chmod(0o755)
    create = SERVICES["keys"]["command"][0]
    assert run("keys", create) == ""
    key = (tmp_path / "admin").read_text()
    assert run("keys", create) == ""

    assert re.fullmatch("eng_admin_[0-9a-f]+\n", key)
    assert run("show-key", "admin") == key
    assert (tmp_path / "admin").stat().st_mode & 0o777 == 0o600
    readers = [name for name, s in SERVICES.items() if "plain-keys" in str(s.get("volumes"))]
    assert sorted(readers) == ["keys", "show-key"]


def test_passwords_are_generated_once_and_for_their_owner_only(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "docker" / "make-env.sh"
    script.parent.mkdir(parents=True)
    script.write_bytes((ROOT / "deploy" / "docker" / "make-env.sh").read_bytes())
    generated = []
    for _ in range(2):
        subprocess.run(["/bin/sh", script], check=True, capture_output=True)
        generated.append((tmp_path / ".env").read_text())
    values = dict(line.split("=") for line in generated[0].splitlines())
    compose = (ROOT / "docker-compose.yml").read_text()

    assert generated[0] == generated[1]
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert set(values) == set(re.findall(r"\$\{([A-Z_]+):\?", compose))
    assert len(set(values.values())) == len(values)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in values.values())
    assert "\n.env\n" in (ROOT / ".gitignore").read_text()


def test_mounted_folders_and_scraped_services_exist() -> None:
    volumes = [volume for s in SERVICES.values() for volume in s.get("volumes", [])]
    mounted = [volume.split(":")[0] for volume in volumes if volume.startswith(".")]
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    scraped = {
        config["names"][0]
        for job in prometheus["scrape_configs"]
        for config in job["dns_sd_configs"]
    }

    assert mounted
    assert all((ROOT / path).is_dir() for path in mounted)
    assert scraped == {name for name in OURS if "ENGAGE_METRICS_PORT" in environment(name)}


def test_image_is_built_once_and_never_pulled() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["migrate"]
    assert {service["pull_policy"] for service in OURS.values()} == {"never"}


def test_logs_of_services_that_keep_running_are_limited() -> None:
    running = set(SERVICES) - ONE_SHOT - ON_DEMAND

    assert all("max-size" in SERVICES[name]["logging"]["options"] for name in running)


def test_services_wait_for_the_end_of_one_shot_services_only() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            waits_for_end = how["condition"] == "service_completed_successfully"
            assert waits_for_end == (other in ONE_SHOT)


def test_images_are_pinned_and_the_broker_is_the_embedded_one() -> None:
    images = {service["image"] for service in SERVICES.values()}
    images |= set(re.findall(r"^ARG PYTHON_IMAGE=(\S+)", DOCKERFILE, re.MULTILINE))
    lock = (ROOT / "engage" / "embedded" / "jgo.lock.toml").read_text()
    version = SERVICES["kafka"]["image"].rpartition(":")[2]

    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    assert all(re.search(r":(local|.*\d)", image) for image in images)
    assert f'artifactId = "kafka-clients"\nversion = "{version}"' in lock


def test_image_has_every_package_locked_dependencies_and_an_ordinary_user() -> None:
    kept = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert re.findall(r"--require-hashes -r (\S+)", DOCKERFILE) == [
        "${LOCK}",
        "requirements/build.lock",
    ]
    assert re.search(r"^USER 10001", DOCKERFILE, re.MULTILINE)
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(kept)
    assert not {"tests", ".git", ".venv"} & set(kept)
