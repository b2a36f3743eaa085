"""What every HTTP service is built of: an application that answers in problems, and its edge."""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from schema.errors import SetupError
from schema.http import problems
from schema.http.edge import Application, Edge
from schema.http.keys import KeyRing, Scope
from schema.http.request_head import LOOPBACK_HOSTS
from schema.http.settings import HttpSettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


def new_app(title: str, description: str, lifespan: Lifespan) -> FastAPI:
    """Return an application without routes. Nothing is opened until its lifespan starts."""
    app = FastAPI(
        title=title,
        redirect_slashes=False,
        version=version("engagement-analytics"),
        description=description,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=None,
        responses=problems.responses(problems.ANYWHERE),
    )
    problems.install(app)
    return app


def guarded(
    app: Application,
    scope: Scope,
    settings: HttpSettings,
    query_key_paths: Collection[str] = frozenset(),
) -> Edge:
    """Put the edge around an application, as the settings want it.

    Args:
        app: what is guarded.
        scope: of the keys that are let in.
        settings: of the service.
        query_key_paths: where a key may stand in the URL.

    Raises:
        SetupError: there is no key file and the service would be reachable from elsewhere.
    """
    keys = _key_ring(settings)
    return Edge(
        app,
        scope,
        keys,
        is_loopback_only=keys is None and not settings.allow_anonymous,
        query_key_paths=frozenset(query_key_paths),
        settings=settings,
    )


def _key_ring(settings: HttpSettings) -> KeyRing | None:
    """Return the keys to demand, or None where a service may go without."""
    if settings.api_keys_file is not None:
        return KeyRing(Path(settings.api_keys_file))
    if settings.allow_anonymous or settings.host in LOOPBACK_HOSTS:
        return None
    raise SetupError(
        f"refusing to listen on {settings.host} without keys: set ENGAGE_API_KEYS_FILE to a file"
        " made by `engage keys create`, or ENGAGE_ALLOW_ANONYMOUS=true"
    )
