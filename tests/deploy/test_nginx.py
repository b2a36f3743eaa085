"""deploy/nginx in front of a running stack: TLS, addresses, limits, streams, failed services."""

import contextlib
import http.client
import itertools
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from engage.embedded import ports
from tests.deploy.conftest import DEPLOY, program
from tests.deploy.programs import moved, running
from tests.e2e.stacks import Stack, eventually, is_open

NAMES = ("collect.example.com", "stats.example.com", "catalogue.example.com")
COLLECT, STATS, CATALOGUE = NAMES
_addresses = itertools.count(1)
CONF = DEPLOY / "nginx" / "engagement.conf"


@dataclass(frozen=True)
class Proxy:
    """nginx as its clients see it; they may come from any address of loopback."""

    port: int
    plain_port: int
    context: ssl.SSLContext
    folder: Path

    @contextlib.contextmanager
    def connected(self, host: str, source: str = "") -> Iterator[http.client.HTTPSConnection]:
        """Connect from this address, by default from a new one."""
        source = source or f"127.0.1.{next(_addresses)}"
        connection = http.client.HTTPSConnection(host, timeout=15, context=self.context)
        plain = socket.create_connection(("127.0.0.1", self.port), 15, (source, 0))
        connection.sock = self.context.wrap_socket(plain, server_hostname=host)
        with contextlib.closing(connection):
            yield connection

    def ask(
        self,
        host: str,
        path: str,
        key: str = "",
        body: bytes | None = None,
        source: str = "",
        **more: str,
    ) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self.connected(host, source) as connection:
            connection.request("GET" if body is None else "POST", path, body, headers | more)
            answer = connection.getresponse()
            return answer, answer.read()


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port


@pytest.fixture(scope="session")
def proxy(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("nginx")
    authority = trustme.CA()
    certificate = authority.issue_cert(*NAMES)
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(folder / "fullchain.pem"), append=True)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    made = Proxy(ports.pick(), ports.pick(), context, folder)
    _lay_out(stack, made)
    nginx = [program("nginx"), "-p", folder, "-c", folder / "nginx.conf"]
    checked = subprocess.run([*nginx, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with running([*nginx, "-g", "daemon off;"], folder / "nginx.log"):
        eventually(lambda: is_open(made.port), "nginx listens")
        yield made


def _lay_out(stack: Stack, proxy: Proxy) -> None:
    folder, file = proxy.folder, stack.file
    conf = folder / "conf.d"
    conf.mkdir()
    places = {
        "127.0.0.1:8000 ": f"127.0.0.1:{port_of(file['ingest_url'])} ",
        # A second ingest process that is down.
        "127.0.0.1:8010 ": f"127.0.0.1:{ports.pick()} ",
        "127.0.0.1:8001;": f"127.0.0.1:{port_of(file['api_url'])};",
        "127.0.0.1:8002;": f"127.0.0.1:{port_of(file['catalogue_url'])};",
        "listen 443 ": f"listen 127.0.0.1:{proxy.port} ",
        "listen 80;": f"listen 127.0.0.1:{proxy.plain_port};",
    }
    (conf / "engagement.conf").write_text(moved(CONF, places))
    for name in ("proxy.inc", "answers.inc"):
        shutil.copy(DEPLOY / "nginx" / name, conf)
    logs = moved(DEPLOY / "nginx" / "logs.inc", {"/var/log/nginx/": f"{folder}/"})
    (conf / "logs.inc").write_text(logs)
    tls = moved(DEPLOY / "nginx" / "tls.inc", {"/etc/engagement/tls/": f"{folder}/"})
    (conf / "tls.inc").write_text(tls)
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}"
        # As in Debian's own file: what is not said in ours is logged in full.
        f" http {{ {temporary} access_log {folder}/access.log; include {conf}/*.conf; }}"
    )


def test_events_come_in_by_tls_also_while_a_process_is_down(stack: Stack, proxy: Proxy) -> None:
    file = stack.file
    identities = [str(uuid.uuid4()) for _ in range(6)]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for identity in identities:
        event = {
            "event_id": identity, "post_id": 1, "type": "view", "engaged_timestamp": moment,
        }  # fmt: skip
        answer, _ = proxy.ask(COLLECT, "/events", file["ingest_key"], json.dumps(event).encode())
        assert answer.status == 202
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"

    for identity in identities:
        path = f"/events/{identity}?engaged_timestamp={moment}"

        def stored(path: str = path) -> bool:
            answer, body = proxy.ask(STATS, path, file["read_key"])
            return answer.status == 200 and json.loads(body)["state"] == "stored"

        eventually(stored, "the event is stored")


def test_reports_and_the_catalogue_have_their_own_names(stack: Stack, proxy: Proxy) -> None:
    file = stack.file
    answer, body = proxy.ask(STATS, "/sample/posts", file["read_key"])
    assert (answer.status, len(json.loads(body))) == (200, 10)
    unchanged, _ = proxy.ask(
        STATS, "/sample/posts", file["read_key"], **{"If-None-Match": answer.headers["ETag"]}
    )
    assert unchanged.status in (200, 304)
    assert proxy.ask(STATS, "/dashboard")[0].status == 200
    author = {"name": "Ann", "joined_date": "2020-01-01", "author_category": "Tech"}
    line = json.dumps({"kind": "author", "id": 900} | author).encode()
    kind = {"Content-Type": "application/x-ndjson"}
    put, _ = proxy.ask(CATALOGUE, "/catalogue/batch", file["admin_key"], line, **kind)
    assert put.status == 200


def test_large_answers_are_compressed(stack: Stack, proxy: Proxy) -> None:
    answer, _ = proxy.ask(
        STATS, "/sample/posts?limit=100", stack.file["read_key"], **{"Accept-Encoding": "gzip"}
    )
    assert answer.headers["Content-Encoding"] == "gzip"


def test_what_counts_is_not_for_strangers(stack: Stack, proxy: Proxy) -> None:
    for name, key in ((COLLECT, "ingest_key"), (STATS, "read_key"), (CATALOGUE, "admin_key")):
        assert proxy.ask(name, "/metrics", stack.file[key])[0].status == 404


def test_plain_http_is_sent_to_tls(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/dashboard", headers={"Host": STATS})
        answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{STATS}/dashboard")


def test_stream_passes_message_by_message(stack: Stack, proxy: Proxy) -> None:
    headers = {
        "Accept": "text/event-stream", "Authorization": f"Bearer {stack.file['read_key']}",
    }  # fmt: skip
    with proxy.connected(STATS) as connection:
        connection.request("GET", "/live", headers=headers)
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert first_message(answer)["pipeline"]
        # What happens after the first message must show in a later one, long before the end.
        assert stack.post({"post_id": 2, "type": "like"})[0] == 202
        began = time.monotonic()
        while not any(post["post_id"] == 2 for post in first_message(answer)["top_posts"]):
            assert time.monotonic() - began < 15


def first_message(answer: http.client.HTTPResponse) -> Any:
    while True:
        line = answer.readline()
        assert line, "the stream ended"
        if line.startswith(b"data:") and b"pipeline" in line:
            return json.loads(line.removeprefix(b"data:"))


def test_requests_of_one_address_are_limited(stack: Stack, proxy: Proxy) -> None:
    key = stack.file["ingest_key"]
    body = json.dumps({"post_id": 3, "type": "view"}).encode()
    with proxy.connected(COLLECT, "127.0.0.7") as connection:
        statuses = []
        for _ in range(400):
            connection.request(
                "POST", "/events", body,
                {"Authorization": f"Bearer {key}", "Content-Type": "application/json",
                 # Whoever says this of himself is not believed.
                 "X-Forwarded-For": f"10.0.0.{len(statuses) % 250}"},
            )  # fmt: skip
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            if answer.status == 429:
                break

    assert statuses[-1] == 429
    assert proxy.ask(COLLECT, "/events", key, body, source="127.0.0.8")[0].status == 202


@pytest.mark.parametrize(("path", "most"), [("/events", 64 * 1024), ("/events/batch", 1024 * 1024)])
def test_body_beyond_the_cap_is_refused_for_good(
    stack: Stack, proxy: Proxy, path: str, most: int
) -> None:
    key = stack.file["ingest_key"]
    for beyond, expected in (
        (0, "malformed_json"),
        (1, "body_too_large"),
        (most, "body_too_large"),
    ):
        answer, body = proxy.ask(COLLECT, path, key, b"?" * (most + beyond))
        assert json.loads(body)["code"] == expected
        assert answer.status == (413 if beyond else 400)


def test_each_request_has_one_id_in_every_log(stack: Stack, proxy: Proxy) -> None:
    answer, _ = proxy.ask(STATS, "/nowhere", stack.file["read_key"])
    request_id = answer.headers["X-Request-Id"]

    def logged() -> bool:
        lines = (proxy.folder / "engagement.log").read_text().splitlines()
        return any(json.loads(line)["request_id"] == request_id for line in lines)

    eventually(logged, "nginx has logged the request")


def test_no_log_has_an_address_a_key_or_what_was_sent(stack: Stack, proxy: Proxy) -> None:
    key, source = stack.file["ingest_key"], "127.0.9.77"
    words = [key, source, "post-canary", "user-canary"]
    query = f"key={key}&post=post-canary&user=user-canary&type=view"
    # Each other one meets the process that is down.
    for _ in range(4):
        answer, _ = proxy.ask(COLLECT, f"/events/pixel.gif?{query}", source=source)
        assert answer.status in (200, 429)
    beacon = b"?" * (1024 * 1024 + 1)
    assert (
        proxy.ask(COLLECT, f"/events/beacon?{query}", body=beacon, source=source)[0].status == 413
    )
    assert proxy.ask(STATS, f"/dashboard?{query}", source=source)[0].status == 200
    assert proxy.ask(CATALOGUE, f"/?{query}", source=source)[0].status == 200
    for port in (proxy.port, proxy.plain_port):
        for head in (f"GET /?{query} HTTP/1.1", f"GET /?{query} HTTP/9.9", f"G\x01T /?{query}"):
            with socket.create_connection(("127.0.0.1", port), 15, (source, 0)) as plain:
                plain.sendall(f"{head}\r\nHost: {COLLECT}\r\n\r\n".encode())
                assert plain.recv(1024)
    refused = _too_many_connections(proxy, f"/?{query}", source)
    assert refused.status == 429
    last = proxy.ask(STATS, "/")[0].headers["X-Request-Id"]

    def logged() -> bool:
        return last in (proxy.folder / "engagement.log").read_text()

    eventually(logged, "nginx has logged the last request")
    logs = {path.name: path.read_text() for path in proxy.folder.glob("*.log")}
    assert len(logs) >= 3
    for name, text in logs.items():
        assert [word for word in words if word in text] == [], name
    assert any('"status":413' in line for line in logs["engagement.log"].splitlines())


def _too_many_connections(proxy: Proxy, path: str, source: str) -> http.client.HTTPResponse:
    """Keep as many requests open as an address may have, and return the answer to one more."""
    head = f"POST {path} HTTP/1.1\r\nHost: {STATS}\r\nContent-Length: 10\r\n\r\n".encode()
    with contextlib.ExitStack() as held:
        for _ in range(50):
            connection = held.enter_context(proxy.connected(STATS, source))
            connection.sock.sendall(head)
        return eventually(lambda: _refused(proxy, path, source), "one more is refused")  # type: ignore[no-any-return]


def _refused(proxy: Proxy, path: str, source: str) -> http.client.HTTPResponse | None:
    answer, _ = proxy.ask(STATS, path, source=source)
    return answer if answer.status == 429 else None


def test_who_is_away_is_answered_as_the_services_would(stack: Stack, tmp_path: Path) -> None:
    gone = Proxy(ports.pick(), ports.pick(), ssl.create_default_context(), tmp_path)
    authority = trustme.CA()
    certificate = authority.issue_cert(*NAMES)
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "fullchain.pem"))
    authority.configure_trust(gone.context)
    _lay_out(stack, gone)
    conf = tmp_path / "conf.d" / "engagement.conf"
    conf.write_text(
        conf.read_text().replace(
            f"127.0.0.1:{port_of(stack.file['ingest_url'])} ", f"127.0.0.1:{ports.pick()} "
        )
    )
    nginx = [program("nginx"), "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
    with running([*nginx, "-g", "daemon off;"], tmp_path / "nginx.log"):
        eventually(lambda: is_open(gone.port), "nginx listens")
        answer, body = gone.ask(COLLECT, "/events", stack.file["ingest_key"], b"{}")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["code"] == "unavailable"
