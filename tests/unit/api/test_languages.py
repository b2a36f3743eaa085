"""The dashboard's languages: which one a reader gets, and that their texts are complete."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_api.languages import DEFAULT, FOLDER, Language, Text, choose_language, load_languages

LANGUAGES = load_languages()
ENGLISH = LANGUAGES[DEFAULT]
STATIC = FOLDER.parent
CATEGORIES = {"zero", "one", "two", "few", "many", "other"}
KEY = re.compile(r"\b(?:t|rich|isKnown)\(\s*(?:[^()`\"]*\? )?([`\"])(.*?)\1(?: : ([`\"])(.*?)\3)?")


def forms(text: Text) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def placeholders(text: Text) -> set[str]:
    return {name for form in forms(text) for name in re.findall(r"\{(\w+)\}", form)}


def used_keys() -> Iterator[str]:
    """Yield the keys of the page's modules, as patterns: a part that is computed is any word."""
    names = STATIC.joinpath("js").rglob("*.js")
    for module in (path.read_text(encoding="utf-8") for path in names):
        for _, key, _, other in KEY.findall(module):
            for each in filter(None, (key, other)):
                yield r"\w+".join(map(re.escape, re.split(r"\$\{[^}]*\}", each)))
    page = STATIC.joinpath("dashboard.html").read_text(encoding="utf-8")
    yield from map(re.escape, re.findall(r"\{text:([\w.]+)\}", page))


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_language_has_the_keys_and_placeholders_of_english(language: Language) -> None:
    assert language.texts.keys() == ENGLISH.texts.keys()
    assert {key: placeholders(text) for key, text in language.texts.items()} == {
        key: placeholders(text) for key, text in ENGLISH.texts.items()
    }


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_texts_that_depend_on_a_number_have_a_form_for_the_others(language: Language) -> None:
    plurals = {key: text for key, text in language.texts.items() if not isinstance(text, str)}

    assert plurals.keys() == {key for key, text in ENGLISH.texts.items() if isinstance(text, dict)}
    for key, text in plurals.items():
        assert "other" in text, key
        assert text.keys() <= CATEGORIES, key
        assert all(forms(text)), key


def test_every_key_of_the_page_has_a_text_and_every_text_is_used() -> None:
    patterns = {re.compile(key) for key in used_keys()}
    unused = [key for key in ENGLISH.texts if not any(each.fullmatch(key) for each in patterns)]
    missing = [each.pattern for each in patterns if not any(map(each.fullmatch, ENGLISH.texts))]

    assert (missing, unused) == ([], [])


@pytest.mark.parametrize(
    ("wanted", "accepted", "code"),
    [
        ("", "", "en"),
        ("", "de", "de"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "en-GB,de;q=0.9", "en"),
        ("", "fr-FR, de;q=0.4, en;q=0.7", "en"),
        ("", "fr, de;q=0", "en"),
        ("", "de;q=x, *", "en"),
        ("de", "en", "de"),
        ("DE-ch", "en", "de"),
        ("en", "de", "en"),
        ("xx", "de", "de"),
        ("../de", "", "en"),
    ],
)
def test_language_is_that_of_the_address_or_the_most_preferred_one(
    wanted: str, accepted: str, code: str
) -> None:
    assert choose_language(LANGUAGES, wanted, accepted).code == code


def test_page_has_its_texts_escaped(tmp_path: Path) -> None:
    path = tmp_path / "xx.json"
    path.write_text('{"name": "X", "locale": "en", "texts": {"page.name": "<b> & \\"b\\""}}')

    found = Language.load(path).fill('<p title="{text:page.name}">')

    assert found == '<p title="&lt;b&gt; &amp; &quot;b&quot;">'
