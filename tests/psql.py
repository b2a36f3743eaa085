"""Plain psql."""

import asyncio

from engage.embedded.postgres import environment, programs_folder


async def psql(database_url: str, script: str, *options: str) -> str:
    """Run a script, which must succeed, and return its results as CSV with header lines."""
    process = await asyncio.create_subprocess_exec(
        str(programs_folder(18) / "psql"),
        database_url,
        "--no-psqlrc",
        "--quiet",
        "--csv",
        "--set=ON_ERROR_STOP=1",
        *options,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, errors = await process.communicate(script.encode())

    assert process.returncode == 0, errors.decode()
    return printed.decode()
