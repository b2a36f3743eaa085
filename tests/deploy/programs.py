"""Programs that run during a test, with changed addresses and paths in their files."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def moved(source: Path, places: Mapping[str, str]) -> str:
    """Return a file's text with other addresses and paths. Each replaced one must be in it."""
    text = source.read_text(encoding="utf-8")
    for there, here in places.items():
        assert there in text, f"{source.name} does not name {there}"
        text = text.replace(there, here)
    return text


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program; it is ended with the block."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
