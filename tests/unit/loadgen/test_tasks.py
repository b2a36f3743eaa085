import asyncio

import pytest

from loadgen.tasks import side_by_side
from schema.errors import SetupError, Unavailable


async def fail(error: Exception) -> None:
    raise error


async def run(*errors: Exception) -> None:
    async with side_by_side() as tasks:
        tasks.create_task(asyncio.Event().wait())
        for error in errors:
            tasks.create_task(fail(error))


async def test_of_several_that_fail_one_is_told_by_itself_and_ends_the_others() -> None:
    with pytest.raises(Unavailable, match="first"):
        await run(Unavailable("first"), SetupError("second"))


async def test_what_is_no_error_of_the_project_is_told_as_it_is() -> None:
    with pytest.raises(ExceptionGroup):
        await run(ValueError())
