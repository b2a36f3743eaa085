import pytest

from schema.bidi import isolated, without_controls

HEBREW, ARABIC = "שלום", "مرحبا"


@pytest.mark.parametrize("name", ["Plain (1)", "Žluťoučký kůň", "日本語", "🙂", ""])
def test_names_from_left_to_right_are_unchanged(name: str) -> None:
    assert isolated(name) == name


@pytest.mark.parametrize("name", [HEBREW, ARABIC, f"C++ {HEBREW} (1)"])
def test_names_from_right_to_left_are_isolated(name: str) -> None:
    assert isolated(name) == f"\u2068{name}\u2069"


@pytest.mark.parametrize("control", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_direction_characters_are_removed(control: str) -> None:
    assert isolated(f"a{control}b") == without_controls(f"a{control}b") == "ab"
    assert isolated(f"{HEBREW}{control}") == f"\u2068{HEBREW}\u2069"
