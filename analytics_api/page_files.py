"""The dashboard's page and its files: bundled, compressed, and named after their content.

Browsers keep the files for good, as other content has another name. They are built when the service
starts, from the modules in ``static``, so that there is no build step.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from analytics_api.chart_library import ChartLibrary
from analytics_api.languages import Language, choose_language, load_languages
from web.compression import accepts_gzip

FOLDER: Final = Path(__file__).with_name("static")
_ENTRIES: Final = ("early.js", "main.js")
_FIRST_SCRIPTS: Final = ("take-key.js", "theme.js")
"""They run before the page is drawn, and before early.js."""
_STYLES: Final = ("tokens.css", "layout.css", "panels.css", "wall.css")
_PRINT_STYLE: Final = "print.css"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_IMPORT: Final = re.compile(r'^import\s+\{([^}]*)\}\s+from\s+"([^"]+)";\n', re.MULTILINE)
_EXPORTED: Final = re.compile(
    r"^export (?=(?:const|function|async function|class) (\w+))", re.MULTILINE
)
_EXPORTS: Final = re.compile(r"^export \{([^}]*)\};\n", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *(?://[^\n]*|/\*\*[\s\S]*?\*/) *\n", re.MULTILINE)
_INDENT: Final = re.compile(r"^ +", re.MULTILINE)
_LEVEL: Final = 9


@dataclass(frozen=True)
class PageFile:
    """A file of the page.

    Attributes:
        stem, suffix: of its name.
        media_type: of the response.
        body: uncompressed.
    """

    stem: str
    suffix: str
    media_type: str
    body: bytes

    @cached_property
    def name(self) -> str:
        """The name, with a hash of the content."""
        digest = hashlib.blake2b(self.body, digest_size=8).hexdigest()
        return f"{self.stem}.{digest}.{self.suffix}"

    @cached_property
    def compressed(self) -> bytes:
        """The body, compressed with gzip."""
        return gzip.compress(self.body, _LEVEL, mtime=0)

    def response(self, request: Request, cache_control: str) -> Response:
        """Return the file, compressed if the client accepts that."""
        headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
        if not accepts_gzip(request.headers.get("accept-encoding", "")):
            return Response(self.body, 200, headers, self.media_type)
        headers["Content-Encoding"] = "gzip"
        return Response(self.compressed, 200, headers, self.media_type)


class PageFiles:
    """The page and its files.

    Args:
        charts: the chart library.
        attributes: data attributes of the page's root element.
    """

    def __init__(self, charts: ChartLibrary, attributes: Mapping[str, str]) -> None:
        icon = (FOLDER / "icon.svg").read_bytes()
        early, script = bundle(*(FOLDER / "js" / name for name in _ENTRIES))
        files = {
            "icon": PageFile("icon", "svg", "image/svg+xml", icon),
            "style": _css(charts.style),
            "first-script": _script("first", (*map(_read_script, _FIRST_SCRIPTS), early)),
            "script": _script("dashboard", (charts.script, script)),
        }
        self._languages = load_languages()
        texts = {
            code: _script(f"texts-{code}", (language.script,))
            for code, language in self._languages.items()
        }
        self._files = {file.name: file for file in (*files.values(), *texts.values())}
        page = _read("dashboard.html")
        for name, file in files.items():
            page = page.replace(f"{{{name}}}", f"/static/{file.name}")
        page = page.replace("{icon-drawing}", icon.decode().strip())
        data = "".join(f' data-{name}="{escape(value)}"' for name, value in attributes.items())
        page = page.replace("<html", f"<html{data}")
        self._pages = {
            code: self._page_in(language, page.replace("{texts}", f"/static/{texts[code].name}"))
            for code, language in self._languages.items()
        }

    def _page_in(self, language: Language, page: str) -> PageFile:
        others = (
            f'<a href="?lang={code}" hreflang="{code}" lang="{code}">{escape(other.name)}</a>'
            for code, other in self._languages.items()
            if other is not language
        )
        page = page.replace("{language}", language.code).replace("{languages}", " ".join(others))
        return PageFile("dashboard", "html", "text/html", language.fill(page).encode())

    def page(self, request: Request) -> Response:
        """Return the page in the reader's language, which browsers revalidate."""
        language = choose_language(
            self._languages,
            request.query_params.get("lang", ""),
            request.headers.get("accept-language", ""),
        )
        page = self._pages[language.code]
        etag = f'"{page.name}"'
        if request.headers.get("if-none-match") == etag:
            response = Response(status_code=304, headers={"Cache-Control": "no-cache"})
        else:
            response = page.response(request, "no-cache")
        response.headers["ETag"] = etag
        response.headers["Content-Language"] = language.code
        response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        return response

    def response(self, request: Request, name: str) -> Response | None:
        """Return a file, which browsers keep; None: there is no file of this name."""
        file = self._files.get(name)
        return file.response(request, _IMMUTABLE) if file else None


def _read(*path: str) -> str:
    return FOLDER.joinpath(*path).read_text(encoding="utf-8")


def _css(chart_style: str) -> PageFile:
    sheets = [chart_style, *(_read("css", name) for name in _STYLES)]
    sheets.append(f"@media print {{\n{_read('css', _PRINT_STYLE)}}}\n")
    return PageFile("style", "css", "text/css", "\n".join(sheets).encode())


def _read_script(name: str) -> str:
    return _read("js", name)


def _script(stem: str, sources: tuple[str, ...]) -> PageFile:
    return PageFile(stem, "js", "text/javascript", "\n".join(sources).encode())


def bundle(*entries: Path) -> list[str]:
    """Return one script per entry module, with the modules it imports that no earlier script has.

    Each module becomes a function that returns what it exports. Only named imports and exports of
    constants, functions and classes are supported. Comments and indents are left out.

    Raises:
        ValueError: modules import each other.
    """
    modules: dict[Path, str] = {}
    scripts = []
    for entry in entries:
        first = len(modules)
        _add_module(entry.resolve(), modules, ())
        parts = (
            f"modules[{number}] = (() => {{\n{text}}})();\n"
            for number, text in enumerate(modules.values())
            if number >= first
        )
        start = '(() => {\n"use strict";\nconst modules = (globalThis.engageModules ??= []);\n'
        scripts.append(start + "".join(parts) + "})();\n")
    return scripts


def _add_module(path: Path, scripts: dict[Path, str], importers: tuple[Path, ...]) -> int:
    """Add a module after those that it imports, and return its number."""
    if path in importers:
        raise ValueError(f"{path.name} and {importers[-1].name} import each other")
    if path not in scripts:
        source = _INDENT.sub("", _COMMENT.sub("", path.read_text(encoding="utf-8")))

        def link(found: re.Match[str]) -> str:
            number = _add_module((path.parent / found[2]).resolve(), scripts, (*importers, path))
            return f"const {{{found[1].replace(' as ', ': ')}}} = modules[{number}];\n"

        source = _IMPORT.sub(link, source)
        names = _EXPORTED.findall(source)
        names += [name.strip() for each in _EXPORTS.findall(source) for name in each.split(",")]
        source = _EXPORTS.sub("", _EXPORTED.sub("", source))
        scripts[path] = f"{source}return {{ {', '.join(filter(None, names))} }};\n"
    return list(scripts).index(path)
