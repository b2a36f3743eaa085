"""Query parameters, parsed strictly; unknown ones are rejected."""

import re
from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import AwareDatetime, BeforeValidator

from schema.times import read_date, read_rfc3339
from web.problems import Problem

_INTEGER: Final = re.compile("0|-?[1-9][0-9]{0,18}")


def _read_integer(value: Any) -> Any:
    """Accept decimal digits only; pydantic alone would accept 5.0, 1_0 and others."""
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ValueError("expected an integer")
    return value


def _read_boolean(value: Any) -> Any:
    """Accept true and false only; pydantic alone would accept on, yes, t and others."""
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("expected true or false")
    return value


Boolean = Annotated[bool, BeforeValidator(_read_boolean)]
Integer = Annotated[int, BeforeValidator(_read_integer)]
DateParameter = Annotated[date, BeforeValidator(read_date)]
InstantParameter = Annotated[AwareDatetime, BeforeValidator(read_rfc3339)]


def reject_unknown(given: Iterable[str], known: Collection[str]) -> None:
    """Raise Problem 422 ``unknown_parameter`` for a name that is not in *known*."""
    if not set(given).issubset(known):
        names = f"known are {', '.join(sorted(known))}" if known else "this path has no parameters"
        raise Problem(422, "unknown_parameter", names)


def known_parameters(*others: str) -> Callable[[Request], None]:
    """Return a dependency that rejects parameters unless the route or *others* declare them."""

    def check(request: Request) -> None:
        declared = _declared(request.scope["route"].dependant)
        reject_unknown(request.query_params.keys(), declared.union(others))

    return check


def _declared(dependant: Dependant) -> set[str]:
    """Return the names of the query parameters of a route and of its dependencies."""
    names = {field.alias for field in dependant.query_params}
    return names.union(*map(_declared, dependant.dependencies))
