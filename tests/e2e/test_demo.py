"""The demo ends by itself and prints reports."""

import re
from pathlib import Path

from tests.e2e.stacks import engage


def test_demo_ends_balanced_and_leaves_nothing_running(tmp_path: Path) -> None:
    sizes = ("--posts", "400", "--history", "2000", "--live", "500")
    answer = engage("demo", "--once", *sizes, "--dir", tmp_path / "demo")

    assert answer.returncode == 0, answer.stderr
    assert "\nbalanced\n" in answer.stdout
    assert "most engagements an hour: " in answer.stdout
    assert "(none)" not in answer.stdout
    assert "sent 2,500 = accepted 2,500 = stored 2,500" in answer.stdout
    assert re.search(r" [1-9][0-9],[0-9]{3} numbers of reports recomputed", answer.stdout)
    assert "/dashboard#key=eng_read_" in answer.stdout
    assert engage("status", "--dir", tmp_path / "demo").returncode == 3
