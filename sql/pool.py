"""Connections to PostgreSQL, bounded in every direction.

After a timeout, terminate a connection instead of closing it: asyncpg's own clean-up would wait
forever for a peer that does not respond.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import wraps
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

import asyncpg

from runtime.settings import DatabaseSettings, PooledSettings
from schema.errors import Unavailable

# Quoted: asyncpg's classes are generic in its stubs alone.
Connection: TypeAlias = "asyncpg.Connection[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"
AnyConnection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

LOGIN_ERRORS = (
    asyncpg.InvalidAuthorizationSpecificationError,  # such as a wrong password
    asyncpg.InvalidCatalogNameError,
)
"""Errors of a rejected login, as while a password is changed or a database is restored."""

OUTAGES = (
    *LOGIN_ERRORS,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # possible when the connection was just killed
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ProtocolViolationError,
)
"""Errors while PostgreSQL is away or overloaded: try again later."""

DATA_ERRORS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.RaiseError,
    ValueError,  # the client cannot encode a value, such as an unpaired surrogate
    OverflowError,
)
"""Errors of the values, which retrying cannot correct. They include unique violations."""

_STALE_STATEMENTS: Final = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
"""Errors that a connection raises once after a column's type changed."""

_ROLE_ERRORS: Final = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)
"""Errors of a login whose role was not granted to it, or does not exist (yet)."""

_SESSION_LIMITS: Final = {
    # A process that froze in a transaction, or whose machine died, must not keep its locks: the
    # consumer that is assigned its partitions waits for their offset rows.
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def retry_stale_statements(
    function: Callable[_Arguments, Awaitable[_Result]],
) -> Callable[_Arguments, Coroutine[Any, Any, _Result]]:
    """Decorate a coroutine function to run once more when prepared statements are stale.

    asyncpg discards them with the error, but does not retry within a transaction. The function
    must change nothing when it raises.
    """

    @wraps(function)
    async def run(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        try:
            return await function(*arguments, **named)
        except _STALE_STATEMENTS:
            return await function(*arguments, **named)

    return run


class _DryRunEndedError(Exception):
    """Rolls back the transaction of a dry run."""


@asynccontextmanager
async def transaction(connection: AnyConnection, *, is_dry_run: bool) -> AsyncIterator[None]:
    """Run the block in a transaction. A dry run rolls it back at the end."""
    with suppress(_DryRunEndedError):
        async with connection.transaction():
            yield
            if is_dry_run:
                raise _DryRunEndedError


def describe_error(error: Exception) -> str:
    """Return an error's message, without the row that PostgreSQL may quote: rows name users."""
    return str(error.args[0]) if isinstance(error, asyncpg.PostgresError) else str(error)


def _arguments(
    settings: DatabaseSettings, application_name: str, server_settings: dict[str, str]
) -> dict[str, Any]:
    extra = {"application_name": application_name, "timezone": "UTC"}
    extra |= _SESSION_LIMITS | server_settings
    if settings.database_role:
        extra["role"] = settings.database_role
    return {
        "dsn": settings.database_url.get_secret_value(),
        "timeout": settings.database_connect_timeout_seconds,
        "command_timeout": settings.database_command_timeout_seconds,
        "server_settings": extra,
    }


async def connect(
    settings: DatabaseSettings, application_name: str, **server_settings: str
) -> Connection:
    """Open one connection.

    Raises:
        Unavailable: PostgreSQL does not answer in time, or the login may not take its role.
    """
    arguments = _arguments(settings, application_name, server_settings)
    try:
        async with asyncio.timeout(settings.database_connect_timeout_seconds):
            connection: Connection = await asyncpg.connect(**arguments)
            return connection
    except OUTAGES as error:
        raise Unavailable(f"PostgreSQL: {type(error).__name__}") from error
    except _ROLE_ERRORS as error:
        raise Unavailable(
            f"PostgreSQL: {describe_error(error)}: check ENGAGE_DATABASE_ROLE"
        ) from error


async def open_pool(
    settings: PooledSettings,
    application_name: str,
    *,
    max_size: int,
    **server_settings: str,
) -> Pool:
    """Return a pool that opens its connections on first use, so it starts with PostgreSQL away.

    Behind a pooler, each transaction may have another server connection: no state is kept in it,
    and the server settings are those of the login.
    """
    arguments = _arguments(settings, application_name, server_settings)
    if settings.database_pooler:
        kept_by_poolers = ("application_name", "timezone")
        given = arguments["server_settings"]
        arguments["server_settings"] = {name: given[name] for name in kept_by_poolers}
        arguments |= {"statement_cache_size": 0, "reset": _keep_session}
    return await asyncpg.create_pool(
        **arguments,
        connect=_open_connection,
        min_size=0,
        max_size=max_size,
        max_inactive_connection_lifetime=300.0,
    )


async def _open_connection(*arguments: Any, **named: Any) -> Any:
    """Open a connection of a pool. A caller that is cancelled does not interrupt this.

    asyncpg leaves an exception that nothing retrieves when it is cancelled between the TCP and the
    TLS handshake, as happens when a client disconnects; asyncio logs each one as an error.
    """
    opening = asyncio.create_task(asyncpg.connect(*arguments, **named))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_terminate)
        raise


def _terminate(opening: "asyncio.Task[Any]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().terminate()


async def _keep_session(_connection: AnyConnection) -> None:
    """Reset nothing: the next query may reach another server connection."""
