"""What each database role may do, in full: whatever is not listed here is refused (42501).

A table, view, sequence or function that a migration adds is nobody's until it stands here.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from schema.errors import Unavailable
from schema.settings import DatabaseSettings
from sql.pool import connect
from tests.conftest import Database

ROLES = [f"engage_{name}" for name in ("consumer", "refresher", "reader", "editor", "eraser")]
SERVICES_READ = {
    "alarm_watch", "alarms", "authors", "catalogue_version", "consumer_offsets",
    "dead_letter_replays", "dead_letters", "deleted_posts", "engagement_partitions",
    "engagement_stats", "engagements", "expired_partitions", "external_ids", "ledger_totals",
    "first_hours", "first_hours_state", "post_metadata", "post_totals", "posts", "quarter_hours",
    "retractions", "schema_migrations", "stats_refresh", "users",
}  # fmt: skip
ERASURES = {"erased_external_ids", "erased_users", "erasure_state"}
CATALOGUE = {"authors", "deleted_posts", "post_metadata", "posts", "users"}
MAY: dict[str, dict[str, set[str]]] = {
    "engage_consumer": {
        "SELECT": SERVICES_READ | ERASURES,
        "INSERT": {"consumer_offsets", "dead_letters", "engagements", "post_totals",
                   "quarter_hours"},
        "UPDATE": {"consumer_offsets", "post_totals", "quarter_hours"},
        "EXECUTE": {"ensure_partition", "erasure_version", "external_id_stamp", "partition_name",
                    "resolve_external_ids", "retract"},
    },
    "engage_refresher": {
        "SELECT": SERVICES_READ | {"archived_partitions"},
        "INSERT": {"alarms"},
        "UPDATE": {"alarm_watch", "alarms"},
        "DELETE": {"alarms"},
        "EXECUTE": {"analyze_engagements", "day_fingerprint", "drop_archived_partition",
                    "drop_partition", "ensure_partition", "partition_name",
                    "refresh_engagement_stats"},
    },
    "engage_reader": {
        "SELECT": SERVICES_READ | {"experiment_authors", "experiments"},
        "EXECUTE": {"chosen_posts", "compared_ages", "posts_at_age"},
    },
    "engage_editor": {
        "SELECT": CATALOGUE | {"external_ids"},
        "INSERT": CATALOGUE,
        "UPDATE": CATALOGUE,
        "DELETE": CATALOGUE | {"external_ids"},
        "EXECUTE": {"find_erased", "move_external_id", "resolve_external_ids"},
    },
    "engage_eraser": {
        "SELECT": ERASURES | {"archived_partitions", "dead_letters", "engagement_partitions",
                              "engagements", "erasures", "external_ids", "user_exports", "users"},
        "INSERT": {"user_exports"},
        "UPDATE": {"user_exports"},
        "EXECUTE": {"begin_erasure", "erase_day", "erase_in_dead_letter", "finish_erasure"},
    },
}  # fmt: skip
_RELATIONS = """
SELECT oid, relname AS name, relkind::text AS kind,
       (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = 1) AS first_column
  FROM pg_class AS c
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')"""
_FUNCTIONS = """
SELECT oid, proname AS name,
       array(SELECT format('(SELECT NULL::%s)', format_type(t, NULL))
               FROM unnest(proargtypes) AS t) AS nulls
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype"""
_TRIES = {
    "SELECT": "SELECT 1 FROM {name} LIMIT 0",
    "INSERT": "INSERT INTO {name} DEFAULT VALUES",
    "UPDATE": "UPDATE {name} SET {first_column} = DEFAULT WHERE false",
    "DELETE": "DELETE FROM {name} WHERE false",
    "TRUNCATE": "TRUNCATE {name}",
}


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    connection: Any = await asyncpg.connect(database.url)
    await connection.execute("SELECT ensure_partition(now()::date)")
    yield connection
    await connection.close()


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_has_the_privileges_listed_and_no_other(connection: Any, role: str) -> None:
    relations = await connection.fetch(_RELATIONS)
    granted = {
        privilege: {
            row["name"]
            for row in relations
            if row["kind"] != "S" and await _may(connection, role, row["oid"], privilege)
        }
        for privilege in _TRIES
    }
    granted["EXECUTE"] = {
        row["name"]
        for row in await connection.fetch(_FUNCTIONS)
        if await connection.fetchval(
            "SELECT has_function_privilege($1, $2::oid, 'EXECUTE')", role, row["oid"]
        )
    }

    assert {name: found for name, found in granted.items() if found} == MAY[role]


@pytest.mark.parametrize("role", ROLES)
async def test_everything_else_is_refused_when_it_is_tried(connection: Any, role: str) -> None:
    relations = await connection.fetch(_RELATIONS)
    functions = await connection.fetch(_FUNCTIONS)
    owner = await connection.fetchval("SELECT current_user")
    await connection.execute(f"SET ROLE {role}")
    forbidden = list(_forbidden(role, owner, relations, functions))
    done = [statement for statement in forbidden if not await _is_refused(connection, statement)]

    assert done == []
    assert len(forbidden) > 100


def _forbidden(
    role: str, owner: str, relations: Iterable[Any], functions: Iterable[Any]
) -> Iterable[str]:
    may = MAY[role]
    for row in relations:
        if row["kind"] == "S":
            yield f"SELECT nextval('{row['name']}')"
            continue
        for privilege, statement in _TRIES.items():
            is_writable = row["kind"] in ("r", "p") or privilege == "SELECT"
            if is_writable and row["name"] not in may.get(privilege, ()):
                yield statement.format(**row)
        yield f"ALTER TABLE {row['name']} OWNER TO {role}"
    for row in functions:
        if row["name"] not in may["EXECUTE"]:
            yield f"SELECT {row['name']}({', '.join(row['nulls'])})"
    yield "CREATE TABLE public.mine ()"
    yield "CREATE SCHEMA mine"
    yield "CREATE ROLE mine"
    yield f"GRANT {role} TO {owner} WITH ADMIN OPTION"
    yield "COPY (SELECT 1) TO PROGRAM 'true'"
    yield "SELECT pg_read_file('PG_VERSION')"
    yield "CHECKPOINT"


async def _is_refused(connection: Any, statement: str) -> bool:
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def _may(connection: Any, role: str, relation: int, privilege: str) -> bool:
    """Tell whether the role has the privilege, on the whole or on a column alone."""
    on_column = privilege in ("SELECT", "INSERT", "UPDATE")
    ask = "SELECT has_table_privilege($1, $2::oid, $3)"
    if on_column:
        ask += " OR has_any_column_privilege($1, $2::oid, $3)"
    return bool(await connection.fetchval(ask, role, relation, privilege))


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_is_more_than_its_grants(connection: Any, role: str) -> None:
    found = await connection.fetchrow(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,"
        "       EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS is_member"
        "  FROM pg_roles AS r WHERE rolname = $1",
        role,
    )

    assert not any(found.values())


async def test_functions_that_lend_their_owners_rights_fix_where_names_are_looked_up(
    connection: Any,
) -> None:
    lenders = await connection.fetch(
        "SELECT proname, proconfig FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )

    assert len(lenders) > 5
    assert not [
        row["proname"]
        for row in lenders
        if "search_path=public, pg_temp" not in (row["proconfig"] or ())
    ]


async def test_a_login_that_may_not_take_its_role_is_told_so(database: Database) -> None:
    login = f"stranger_{uuid4().hex}"
    owner = await asyncpg.connect(database.url)
    await owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'secret'")
    url = urlsplit(database.url)
    server = url.netloc.rpartition("@")[2]
    settings = DatabaseSettings(
        database_url=SecretStr(url._replace(netloc=f"{login}:secret@{server}").geturl()),
        database_role="engage_consumer",
    )
    try:
        with pytest.raises(Unavailable, match=r"engage_consumer.*ENGAGE_DATABASE_ROLE"):
            await connect(settings, "test")
    finally:
        await owner.execute(f"DROP ROLE {login}")
        await owner.close()
