"""Query parameters that a route does not have are refused: they are typing errors."""

from collections.abc import Callable, Collection, Iterable

from fastapi import Request
from fastapi.dependencies.models import Dependant

from schema.http.problems import Problem


def refuse_unknown(given: Iterable[str], known: Collection[str]) -> None:
    """Raise Problem 422 ``unknown_parameter`` unless every name that was given is known."""
    if not set(given).issubset(known):
        names = f"known are {', '.join(sorted(known))}" if known else "there are none here"
        raise Problem(422, "unknown_parameter", names)


def known_parameters(*others: str) -> Callable[[Request], None]:
    """Return a dependency that refuses what neither the route declares nor *others* name."""

    def check(request: Request) -> None:
        declared = _declared(request.scope["route"].dependant)
        refuse_unknown(request.query_params.keys(), declared.union(others))

    return check


def _declared(dependant: Dependant) -> set[str]:
    """Return the names of the query parameters of a route and of what it depends on."""
    names = {field.alias for field in dependant.query_params}
    return names.union(*map(_declared, dependant.dependencies))
