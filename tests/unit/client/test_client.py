"""The client without a network."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from engagement_client import AsyncClient, Client, ClosedError
from engagement_client.buffer import Entry
from engagement_client.transport import encode_body

ROOT = Path(__file__).parents[3]

ONLY_THE_STANDARD_LIBRARY = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top != "engagement_client" and top not in sys.stdlib_module_names:
            raise ImportError(f"{name} is not of the standard library")

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, sys.argv[1])
import engagement_client
client = engagement_client.Client("https://collect.invalid", key="eng_ingest_a_b")
try:
    import pydantic
except ImportError as error:
    print(error)
tops = {name.partition(".")[0] for name in sys.modules}
print(sorted(tops - sys.stdlib_module_names - {"__main__"}))
"""


def test_client_needs_the_standard_library_only() -> None:
    isolated = [sys.executable, "-I", "-S", "-W", "error", "-c"]
    found = subprocess.run(
        [*isolated, ONLY_THE_STANDARD_LIBRARY, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stderr == ""
    assert found.stdout.splitlines() == [
        "pydantic is not of the standard library",
        "['engagement_client']",
    ]


@pytest.mark.parametrize(
    ("url", "key", "message"),
    [
        ("collect.example", None, "url"),
        ("ftp://collect.example", None, "url"),
        ("https://", None, "url"),
        ("https://me:secret@collect.example", None, "url"),
        ("https://collect.example?key=1", None, "url"),
        ("https://collect.example:99999", None, "[Pp]ort"),
        ("https://collect.example", "a\r\nX: y", "key"),
        ("https://collect.example", "schlüssel", "key"),
    ],
)
def test_invalid_url_or_key_is_rejected(url: str, key: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Client(url, key)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_representation_has_no_key(client: type[Client | AsyncClient]) -> None:
    assert "secret" not in repr(client("https://collect.example", "eng_ingest_id_secret"))


def test_closed_client_returns_the_event() -> None:
    client = Client("http://collect.invalid")
    client.close()

    with pytest.raises(ClosedError) as caught:
        client.view(post_id=42)
    assert caught.value.event.post_id == 42
    assert client.counts.tracked == 0


def test_client_without_events_starts_no_thread() -> None:
    with Client("http://collect.invalid") as client:
        assert client.flush()
        assert client._sender._thread is None


def test_large_bodies_are_compressed() -> None:
    events = [{"n": n} for n in range(1_000)]
    batch = [Entry(json.dumps(event).encode(), 0.0) for event in events]

    assert encode_body(batch[:2]) == (b'[{"n": 0},{"n": 1}]', {})
    body, headers = encode_body(batch)
    assert headers == {"Content-Encoding": "gzip"}
    assert json.loads(gzip.decompress(body)) == events
