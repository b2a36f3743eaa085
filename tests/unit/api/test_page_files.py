"""The dashboard's files: bundled modules, names by content, compression."""

import gzip
import re
from pathlib import Path

import pytest
from starlette.requests import Request

from analytics_api.chart_library import ChartLibrary
from analytics_api.page_files import FOLDER, PageFiles, bundle


def request(query: str = "", **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": pairs}
    return Request(scope | {"query_string": query.encode()})


def files(**attributes: str) -> PageFiles:
    return PageFiles(ChartLibrary(None), attributes)


def names(page: bytes) -> list[str]:
    return re.findall(r'(?:src|href)="/static/([^"]+)"', page.decode())


def test_bundle_has_each_module_once_and_after_those_that_it_imports(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("// A comment.\nexport const one = 1;\n")
    (tmp_path / "two.js").write_text(
        'import { one as first } from "./one.js";\n\nexport function two() {\n  return first;\n}\n'
    )
    (tmp_path / "main.js").write_text(
        'import { one } from "./one.js";\nimport {\n  two,\n} from "./two.js";\none + two();\n'
    )
    [found] = bundle(tmp_path / "main.js")

    places = [found.index(part) for part in ("const one = 1", "function two()", "one + two()")]
    assert places == sorted(places)
    assert found.count("const one = 1") == 1
    assert "const { one: first } = modules[0]" in found
    assert "export" not in found
    assert "import" not in found
    assert "comment" not in found


def test_modules_that_import_each_other_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text('import { two } from "./two.js";\nexport const one = 1;\n')
    (tmp_path / "two.js").write_text('import { one } from "./one.js";\nexport const two = 2;\n')

    with pytest.raises(ValueError, match="import each other"):
        bundle(tmp_path / "one.js")


def test_script_has_no_module_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "shared.js").write_text("export const shared = [];\n")
    for name in ("first.js", "second.js"):
        (tmp_path / name).write_text('import { shared } from "./shared.js";\nshared.push(1);\n')
    first, second = bundle(tmp_path / "first.js", tmp_path / "second.js")

    assert "const shared = []" in first
    assert "const shared = []" not in second
    assert "const { shared } = modules[0];" in second


def test_bundles_of_the_page_have_each_of_its_modules_once() -> None:
    found = bundle(FOLDER / "js" / "early.js", FOLDER / "js" / "main.js")
    first = {"take-key.js", "theme.js"}
    modules = [path for path in (FOLDER / "js").rglob("*.js") if path.name not in first]

    assert sum(script.count("] = (() => {\n") for script in found) == len(modules)
    assert not any(re.search(r"^(import|export)\b", script, re.MULTILINE) for script in found)


def test_page_names_files_that_exist_and_their_names_change_with_their_content() -> None:
    with_charts = ChartLibrary(None)
    with_charts.script = "var uPlot;"
    plain, charted = files(), PageFiles(with_charts, {})
    before = names(bytes(plain.page(request()).body))
    after = names(bytes(charted.page(request()).body))

    assert len(set(before)) == 5
    for name in before:
        assert plain.response(request(), name) is not None
    assert len(set(before) - set(after)) == 1
    assert plain.response(request(), "main.js") is None


def test_files_are_compressed_only_for_clients_that_accept_it() -> None:
    found = files()
    name = names(bytes(found.page(request()).body))[0]
    plain = found.response(request(), name)
    small = found.response(request(accept_encoding="br, gzip;q=0.5"), name)
    refused = found.response(request(accept_encoding="gzip;q=0"), name)

    assert plain is not None
    assert small is not None
    assert refused is not None
    assert gzip.decompress(bytes(small.body)) == plain.body == refused.body
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in refused.headers
    assert "immutable" in small.headers["cache-control"]


def test_page_is_revalidated_and_carries_its_attributes() -> None:
    page = files(zone="Europe/Vienna", ingest='"><script>').page(request())
    again = files(zone="Europe/Vienna", ingest='"><script>').page(
        request(if_none_match=page.headers["etag"])
    )

    assert b'data-zone="Europe/Vienna" data-ingest="&quot;&gt;&lt;script&gt;"' in page.body
    assert page.headers["cache-control"] == "no-cache"
    assert again.status_code == 304


def test_page_is_in_the_readers_language_and_names_its_texts_only() -> None:
    found = files()
    english, german = (found.page(request(f"lang={code}")) for code in ("en", "de"))
    body = bytes(german.body).decode()
    [texts] = [name for name in names(german.body) if name.startswith("texts-")]

    assert '<html lang="de">' in body
    assert ">Heute</button>" in body
    assert '<a href="?lang=en" hreflang="en" lang="en">English</a>' in body
    assert texts.startswith("texts-de.")
    assert found.response(request(), texts) is not None
    assert german.headers["content-language"] == "de"
    assert "Accept-Language" in german.headers["vary"]
    assert german.headers["etag"] != english.headers["etag"]
    assert bytes(found.page(request(accept_language="de-AT,en;q=0.5")).body) == german.body
