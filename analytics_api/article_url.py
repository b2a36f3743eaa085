"""Template of the addresses of articles, which the dashboard fills in."""

import re
from typing import Final
from urllib.parse import urlsplit

_PLACEHOLDER: Final = re.compile(r"\{(post_id|external_id)\}")
_CHARACTERS: Final = re.compile(r"[!-~]+")
"""Printable ASCII without spaces, as in addresses."""


def check_template(template: str) -> str:
    """Return a template of http or https addresses.

    Raises:
        ValueError: it is none, or the post's ID would not only be part of the path, query or
            fragment.
    """
    if not _CHARACTERS.fullmatch(template) or "\\" in template:
        raise ValueError("must be an address of printable ASCII characters without spaces")
    parts = urlsplit(template)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with https:// or http:// and a host")
    if "@" in parts.netloc or "{" in parts.netloc or "}" in parts.netloc:
        raise ValueError("the host must have no placeholder and no user name")
    if not _PLACEHOLDER.search(template):
        raise ValueError("must contain {post_id} or {external_id}")
    if "{" in (rest := _PLACEHOLDER.sub("", template)) or "}" in rest:
        raise ValueError("the only placeholders are {post_id} and {external_id}")
    return template
