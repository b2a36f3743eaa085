"""Values, tables, JSON and CSV in a terminal, also of hostile names."""

import json

import pytest

from engage.terminal import Output, print_facts, print_rows, shown

HOSTILE = "Safe \u202egpj.exe \x1b[2J\x9b1m [red]"


def test_tables_and_facts_show_hostile_names_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    for print_it in (
        lambda: print_rows([{"title": HOSTILE, "post_id": 1}]),
        lambda: print_facts({"title": HOSTILE}),
    ):
        print_it()
        out = capsys.readouterr().out
        assert "Safe gpj.exe \\x1b[2J\\x9b1m [red]" in out
        assert not {"\u202e", "\x1b", "\x9b"} & set(out)


def test_names_from_right_to_left_are_isolated_in_tables() -> None:
    name = "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}"
    assert shown(name) == f"\u2068{name}\u2069"


def test_external_ids_are_shown_as_text_and_numbers_without_separators(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rows([{"post_id": 1234567, "external_id": HOSTILE}])
    out = capsys.readouterr().out
    assert "1234567" in out
    assert "\x1b" not in out


def test_json_has_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"title": HOSTILE}], Output.JSON)
    assert json.loads(capsys.readouterr().out) == [{"title": HOSTILE}]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (True, "yes"), (1234567, "1,234,567"), (0.5, "0.50"), ("x", "x")],
)
def test_values_are_shown_for_people(value: object, text: str) -> None:
    assert shown(value) == text


def test_csv_has_plain_values(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"a": 1000, "b": "x,y"}], Output.CSV)

    assert capsys.readouterr().out == 'a,b\n1000,"x,y"\n'


def test_table_that_is_too_wide_shows_its_last_columns_under_each_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    row = {f"number_{each}": 1_234_567 for each in range(6)}
    print_rows([row, row])
    lines = capsys.readouterr().out.splitlines()

    assert max(map(len, lines)) <= 40
    assert " ".join("".join(lines[-2:]).split()) == (
        "number 3: 1,234,567, number 4: 1,234,567, number 5: 1,234,567"
    )


def test_table_leaves_out_optional_columns_before_it_shortens_a_title(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "45")
    row = {"title": "A title of some forty characters, no less", "category": "Tech", "views": 1}
    print_rows([row], optional=("category",))
    head, line, *note = capsys.readouterr().out.splitlines()

    assert head.split() == ["title", "views"]
    assert line.startswith("A title of some forty characters, no")
    assert "category" in " ".join(note)


def test_percentages_have_a_sign_where_they_are_changes(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"change_pct": 5.04, "share_pct": 1234.5}])
    assert capsys.readouterr().out.splitlines()[-1].split() == ["+5.0%", "1,234.5%"]
