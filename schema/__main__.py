"""``python -m schema``: apply the migrations to the database the environment names."""

import asyncio
import sys

from schema.errors import SetupError, Unavailable
from schema.migrate import migrate
from schema.settings import DatabaseSettings
from sql.pool import connect


async def _run() -> None:
    connection = await connect(DatabaseSettings.load(), "engage-migrate")
    try:
        applied = await migrate(connection)
    finally:
        await connection.close()
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")  # noqa: T201


def main() -> int:
    """Run the migrations; the exit codes are those of the command line."""
    try:
        asyncio.run(_run())
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    except Unavailable as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
