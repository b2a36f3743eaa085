"""Small file systems that a test fills up."""

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOT_ALLOWED = "a full disk needs a tmpfs, which only root may mount"


@contextmanager
def tmpfs(folder: Path, size: str, mode: str = "700") -> Iterator[bool]:
    """Mount a tmpfs on the folder. Yield whether that is allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode={mode}", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full_disk(folder: Path, free_bytes: int = 0) -> Iterator[None]:
    """Fill up the file system of a folder."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(b"\0" * 4096):
                    pass
            file.truncate(max(0, file.tell() - free_bytes))
        yield
    finally:
        ballast.unlink(missing_ok=True)
