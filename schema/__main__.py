"""``python -m schema``: apply the migrations to the configured database."""

import asyncio
import sys

import asyncpg

from runtime.logging import configure_logging
from runtime.settings import MigrateSettings
from schema.errors import SetupError
from schema.logins import set_passwords
from schema.migrate import migrate


async def _run() -> None:
    settings = MigrateSettings.load()
    connection = await asyncpg.connect(
        settings.database_url.get_secret_value(),
        timeout=settings.database_connect_timeout_seconds,
        server_settings={"application_name": "engage-migrate"},
    )
    try:
        applied = await migrate(connection)
        await set_passwords(connection, settings.passwords)
    finally:
        await connection.close()
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")  # noqa: T201


def main() -> int:
    """Run the migrations and return the exit code."""
    configure_logging("migrate")
    try:
        asyncio.run(_run())
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError):
        print("PostgreSQL rejected the login: check ENGAGE_DATABASE_URL", file=sys.stderr)  # noqa: T201
        return 2
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
        print(f"PostgreSQL does not respond: {type(error).__name__}", file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
