from pathlib import Path

import pytest

from engage.embedded import doctor


def test_machine_that_runs_the_tests_is_healthy(tmp_path: Path) -> None:
    findings = doctor.examine(tmp_path / "not there yet")

    assert [finding for finding in findings if not finding.ok] == []
    assert {"Java", "PostgreSQL 18", "PostgreSQL 16", "disk"} <= {f.name for f in findings}


def test_missing_requirement_names_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))

    findings = {finding.name: finding for finding in doctor.examine(tmp_path)}

    assert not findings["cache folder"].ok
    assert "XDG_CACHE_HOME" in findings["cache folder"].fix
