"""A stack's addresses and keys, as the variables of a shell."""

from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from engage.embedded.files import write_whole
from engage.settings import ClientSettings
from engage.stack.layout import Layout, StackFile
from schema.settings import PREFIX


def variables(layout: Layout) -> dict[str, str]:
    """Return what commands, services and psql find a running stack by.

    Servers of its own are among them; others are named by the environment already, with secrets
    that no stack needs to hand on. Raises Unavailable, SetupError.
    """
    stack = StackFile.read(layout.stack_file)
    found = {name: getattr(stack, name) for name in ClientSettings.model_fields}
    if stack.processes.get("postgres"):
        found["kafka_bootstrap_servers"] = stack.kafka_bootstrap_servers
        found["topic"] = stack.topic
        found["database_url"] = _without_password(stack.database_url, layout.password_file)
    return {PREFIX + name.upper(): value for name, value in found.items()}


def _without_password(url: str, path: Path) -> str:
    """Keep the password in a file that libpq and asyncpg read, and return a URL that names it.

    Such a URL may stand on a command line, which everybody on the machine can see.
    """
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port}"
    write_whole(path, f"{place}:*:{parts.username}:{parts.password}\n".encode())
    query = urlencode({"passfile": path}, safe="/", quote_via=quote)
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{place}", query=query))
