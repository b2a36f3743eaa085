"""``python -m schema``: apply the migrations to the database the environment names."""

import asyncio
import sys

import asyncpg

from schema.errors import SetupError
from schema.migrate import migrate
from schema.settings import DatabaseSettings
from schema.telemetry import configure_logging


async def _run() -> None:
    settings = DatabaseSettings.load()
    connection = await asyncpg.connect(
        settings.database_url.get_secret_value(),
        timeout=settings.database_connect_timeout_seconds,
        server_settings={"application_name": "engage-migrate"},
    )
    try:
        applied = await migrate(connection)
    finally:
        await connection.close()
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")  # noqa: T201


def main() -> int:
    """Run the migrations; the exit codes are those of the command line."""
    configure_logging("migrate")
    try:
        asyncio.run(_run())
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError):
        print("PostgreSQL refuses this login: check ENGAGE_DATABASE_URL", file=sys.stderr)  # noqa: T201
        return 2
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
        print(f"PostgreSQL does not answer: {type(error).__name__}", file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
