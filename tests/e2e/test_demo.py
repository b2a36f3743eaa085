"""The demo prints reports, ends, and continues in the same folder."""

import re
from pathlib import Path

from tests.e2e.stacks import engage


def test_demo_ends_balanced_and_leaves_nothing_running(tmp_path: Path) -> None:
    sizes = ("--posts", "400", "--history", "2000")
    answer = engage("demo", "--once", *sizes, "--dir", tmp_path / "demo")

    assert answer.returncode == 0, answer.stderr
    assert "\nbalanced\n" in answer.stdout
    assert "most engagements an hour: " in answer.stdout
    assert "(none)" not in answer.stdout
    sent = re.search(r"sent ([0-9,]+) = accepted ([0-9,]+) = stored ([0-9,]+),", answer.stdout)
    assert sent
    assert len(set(sent.groups())) == 1
    assert int(sent[1].replace(",", "")) > 2_000
    assert re.search(r" [1-9][0-9,]{4,} numbers of reports recomputed", answer.stdout)
    assert answer.stdout.index("/dashboard#key=eng_read_") < answer.stdout.index("verify")
    assert engage("status", "--dir", tmp_path / "demo").returncode == 3

    again = engage("demo", "--once", *sizes, "--dir", tmp_path / "demo")
    assert again.returncode == 0, again.stderr
    assert "history" not in again.stdout
    assert "unchanged" in again.stdout
