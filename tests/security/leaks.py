"""Search for secrets, also as URLs and headers encode them."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote


def forms(secret: str) -> set[bytes]:
    """Return the encodings of a secret; base64 also as part of a longer text."""
    plain = secret.encode()
    shifted = {base64.b64encode(b"?" * shift + plain)[4:-4] for shift in range(3)}
    return {plain, quote(secret, safe="").encode(), plain.hex().encode(), *shifted}


def leaks(secrets: Mapping[str, str], texts: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return a line for each secret in a text. Secrets have at least 16 characters."""
    wanted = {name: forms(secret) for name, secret in secrets.items() if len(secret) >= 16}
    assert wanted.keys() == secrets.keys(), "too short to be found by chance only"
    return [
        f"{name} in {where}"
        for where, text in texts
        for name, written in wanted.items()
        if any(form in text for form in written)
    ]


def files_of(folder: Path, *, but: Iterable[str] = ()) -> Iterable[tuple[str, bytes]]:
    """Yield each file below the folder, except the data of Kafka and PostgreSQL."""
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in but and "/data/" not in name:
            yield name, path.read_bytes()


def command_lines(pids: Iterable[int]) -> Iterable[tuple[str, bytes]]:
    """Yield the command lines of processes and their descendants, which every user can read."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(status.parent.name)] = int(fields[1])
    for pid in list(parents):
        line = [pid]
        while (parent := parents.get(line[-1], 0)) > 1:
            line.append(parent)
        if set(line) & set(pids):
            try:
                yield f"the command line of {pid}", Path(f"/proc/{pid}/cmdline").read_bytes()
            except FileNotFoundError:
                continue
