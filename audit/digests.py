"""``python -m audit.digests``: write Compose's override that names every image by its digest.

A tag can be moved to other content, a digest cannot. Needs Docker and an image registry.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import yaml

from audit.parts import ROOT, images

COMPOSE: Final = "docker-compose.yml"
OVERRIDE: Final = ROOT / "docker-compose.digests.yml"
_BASE: Final = "PYTHON_IMAGE"


def main() -> int:
    """Write the override; exit 3 when a digest cannot be looked up."""
    compose = yaml.safe_load((ROOT / COMPOSE).read_text(encoding="utf-8"))
    try:
        override = pinned(compose["services"], look_up)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no digest: {getattr(error, 'stderr', None) or error}", file=sys.stderr)
        return 3
    OVERRIDE.write_text(f"# By `make digests`.\n{yaml.safe_dump(override)}", encoding="utf-8")
    print(f"wrote {OVERRIDE.name}; use it with: docker compose -f {COMPOSE} -f {OVERRIDE.name} ...")
    return 0


def look_up(reference: str) -> str:
    """Return the digest that the registry has for a tag at this moment."""
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}"]
    answer = subprocess.run([*command, reference], capture_output=True, text=True, check=True)
    return str(json.loads(answer.stdout)["digest"])


def pinned(services: dict[str, Any], digest_of: Callable[[str], str]) -> dict[str, Any]:
    """Return the override: images of others by digest, and the base of those that are built."""
    [base] = [part for part in images() if part.place == "Dockerfile"]
    references = {name: str(s["image"]) for name, s in services.items() if "build" not in s}
    python = f"{base.name.removeprefix('image:')}:{base.version}"
    digests = {one: digest_of(one) for one in sorted({*references.values(), python})}
    override: dict[str, Any] = {
        name: {"image": f"{reference}@{digests[reference]}"}
        for name, reference in references.items()
    }
    for name, service in services.items():
        if "build" in service:
            override[name] = {"build": {"args": {_BASE: f"{python}@{digests[python]}"}}}
    return {"services": override}


if __name__ == "__main__":
    sys.exit(main())
