"""Authors, posts and past events are imported from files."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.stacks import ENGAGE, Stack, eventually

AUTHORS = """id,name,author_category,joined_date
jörg,"Jörg ""Jo"" Müller",Reise,2024-01-31
o'brien,Siobhán O'Brien,Tech,2024-01-31
"""
POSTS = """id;author;category;title;publish_timestamp;tags
über-uns;jörg;Reise;"Über ""uns"", und mehr";2026-01-01T09:00:00+01:00;"ai;größe"
2026/hallo;o'brien;Tech;Hallo;2026-01-02T09:00:00Z;
"""
EVENTS = """post,type,engaged_timestamp,user
über-uns,view,{at},leserin-1
über-uns,view,{at},
über-uns,view,{at},
über-uns,like,{at},leserin-1
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    texts = {"authors": AUTHORS, "posts": POSTS, "events": EVENTS.format(at="2026-11-20T08:00:00Z")}
    found = {name: folder / f"{name}.csv" for name in texts}
    for name, path in found.items():
        path.write_text(texts[name], encoding="utf-8")
    return found


def test_imported_posts_and_events_appear_in_reports(stack: Stack, files: dict[str, Path]) -> None:
    early = stack.engage("import", "catalogue", files["posts"], "--kind", "post", "--dry-run")
    assert early.returncode == 1
    assert "lines 2-3: unknown_author" in early.stdout

    for kind in ("author", "post"):
        path = files[f"{kind}s"]
        checked = stack.engage("import", "catalogue", path, "--kind", kind, "--dry-run")
        assert "0 of 2 lines are invalid" in checked.stdout, checked.stderr
        assert "imported 2 of 2" in stack.engage("import", "catalogue", path, "--kind", kind).stdout
    for _ in "12":  # the second time changes nothing
        assert "imported 4 of 4" in stack.engage("import", "events", files["events"]).stdout

    def report() -> dict[str, object]:
        answer = stack.engage("report", "post", "über-uns", "--period", "all", "-o", "json")
        return dict(json.loads(answer.stdout))

    eventually(lambda: report()["total_engagements"] == 4, "all events are shown")
    found = report()
    assert (found["views"], found["likes"], found["external_id"]) == (3, 1, "über-uns")
    assert (found["title"], found["author_name"]) == ('Über "uns", und mehr', 'Jörg "Jo" Müller')
    other = stack.engage("report", "post", "2026/hallo", "-o", "json")
    assert json.loads(other.stdout)["author_name"] == "Siobhán O'Brien"


def test_killed_import_continues_where_it_ended(stack: Stack, tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": f"reader-{n}", "signup_date": "2026-01-01", "user_segment": "free"})
        for n in range(20_000)
    ]
    path = tmp_path / "users.ndjson"
    path.write_text("\n".join(lines))
    arguments = ("import", "catalogue", path, "--kind", "user", "--dir", stack.folder)
    with subprocess.Popen([*ENGAGE, *map(str, arguments)], stdout=subprocess.PIPE) as killed:
        point = stack.folder / "imports" / "users.ndjson.json"
        eventually(point.exists, "a batch was sent")
        killed.send_signal(signal.SIGKILL)
    finished = stack.engage(*arguments[:5])

    assert killed.returncode == -signal.SIGKILL
    assert "continuing after line" in finished.stdout, finished.stderr
    assert not point.exists()
    again = stack.engage(*arguments[:5])
    assert "imported 20,000 of 20,000" in again.stdout
