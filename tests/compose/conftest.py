"""The stack of docker-compose.yml, from a copy of this checkout: `make compose-check`."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.stacks import eventually

ROOT = Path(__file__).parents[2]
STAND_INS = Path(__file__).parent / "stand_ins" / "build.sh"
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", ".uv", ".env", "build", "dist", ".*_cache")


def bash_blocks(page: str, heading: str = "") -> list[str]:
    """Return the bash code blocks of a page, from a heading on."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(r"```bash\n(.*?)```", text[text.index(heading) :], re.DOTALL)


@dataclass
class Compose:
    """Commands in the folder of the copy."""

    folder: Path

    def start(self, script: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def run(self, script: str, timeout_seconds: float = 300) -> str:
        """Return the output of commands, all of which succeed."""
        process = self.start(script)
        output, _ = process.communicate(timeout=timeout_seconds)
        assert process.returncode == 0, output
        return output

    def key(self, scope: str) -> str:
        return self.run(f"docker compose run --rm show-key {scope} 2>/dev/null").strip()

    def pid(self, service: str) -> int:
        """Return the process of a service's first container, on this machine."""
        container = self.run(f"docker compose ps -q {service}").split()[0]
        return int(self.run(f"docker inspect -f '{{{{.State.Pid}}}}' {container}"))

    def is_healthy(self, service: str) -> bool:
        command = f"docker compose ps --format '{{{{.Health}}}}' {service}"
        return set(self.run(command).split()) == {"healthy"}


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Docker engine: the one that responds, else one of this test's own, which ends with it."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        yield
        return
    folder = tmp_path_factory.mktemp("engine")
    socket = f"unix://{folder}/docker.sock"
    names = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
    options = [f"{option}={folder}/{name}" for option, name in names.items()]
    with (folder / "log").open("wb") as log, pytest.MonkeyPatch.context() as patch:
        daemon = subprocess.Popen(["dockerd", f"--host={socket}", *options], stdout=log, stderr=log)
        patch.setenv("DOCKER_HOST", socket)
        try:
            eventually((folder / "docker.sock").exists, "the engine listens", 30)
            yield
        finally:
            daemon.terminate()
            daemon.wait(60)


@pytest.fixture(scope="session")
def compose(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """The running stack, started by the first commands of docs/docker.md."""
    folder = tmp_path_factory.mktemp("compose") / "engagement-analytics"
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    compose = Compose(folder)
    image = re.search(r"^ARG PYTHON_IMAGE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert image
    pull = ["docker", "pull", "--quiet", image[1]]
    if subprocess.run(pull, capture_output=True, check=False).returncode:
        subprocess.run([STAND_INS], check=True)
    try:
        compose.run(bash_blocks("docker.md")[0], timeout_seconds=600)
        yield compose
    finally:
        compose.run("docker compose --profile '*' down --volumes --remove-orphans")
