"""Privileges of each database role, in full: whatever is not listed here is denied (42501)."""

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from runtime.settings import DatabaseSettings
from schema.errors import Unavailable
from sql.pool import connect
from tests.conftest import Database

ROLES = [f"engage_{name}" for name in ("consumer", "refresher", "reader", "editor", "eraser")]
SERVICES_READ = {
    "alerts", "authors", "catalogue_version", "consumer_offsets",
    "dead_letter_replays", "dead_letters", "deleted_posts", "engagement_partitions",
    "engagement_stats", "engagements", "expired_partitions", "external_ids", "ledger_totals",
    "engagements_15m", "first_hours", "first_hours_state", "last_health_check", "post_metadata",
    "post_totals", "posts",
    "day_revisions", "recording_gaps", "retractions", "schema_migrations", "sealed_days",
    "stats_refresh", "users",
}  # fmt: skip
ERASURES = {"erased_external_ids", "erased_users", "erasure_state"}
CATALOGUE = {"authors", "deleted_posts", "post_metadata", "posts", "users"}
MAY: dict[str, dict[str, set[str]]] = {
    "engage_consumer": {
        "SELECT": SERVICES_READ | ERASURES,
        "INSERT": {"consumer_offsets", "dead_letters", "engagements", "post_totals",
                   "engagements_15m"},
        "UPDATE": {"consumer_offsets", "post_totals", "engagements_15m"},
        "EXECUTE": {"ensure_partition", "erasure_version", "external_id_stamp", "has_partition",
                    "partition_name", "resolve_external_ids", "retract_events"},
    },
    "engage_refresher": {
        "SELECT": SERVICES_READ | {"archived_partitions"},
        "INSERT": {"alerts", "sealed_days"},
        "UPDATE": {"alerts", "last_health_check", "sealed_days"},
        "DELETE": {"alerts", "sealed_days"},
        "EXECUTE": {"analyze_engagements", "analyze_partition", "day_fingerprint", "day_versions",
                    "drop_archived_partition", "drop_partition", "ensure_partition",
                    "partition_name", "refresh_engagement_stats", "refresh_recording_gaps",
                    "refresh_search"},
    },
    "engage_reader": {
        "SELECT": SERVICES_READ | {"annotations", "catalogue_tags", "catalogue_words",
                                   "experiment_authors", "experiments", "published_stats"},
        "EXECUTE": {"catalogue_engagements_15m", "compared_ages", "day_versions", "matching_posts",
                    "posts_at_age", "recorded_posts",
                    "search_vector", "search_words", "trigrams"},
    },
    "engage_editor": {
        "SELECT": CATALOGUE | {"external_ids"},
        "INSERT": CATALOGUE,
        "UPDATE": CATALOGUE,
        "DELETE": CATALOGUE | {"external_ids"},
        "EXECUTE": {"find_erased", "move_external_id", "resolve_external_ids", "search_vector",
                    "search_words"},
    },
    "engage_eraser": {
        "SELECT": ERASURES | {"archived_partitions", "dead_letters", "engagement_partitions",
                              "engagements", "erasures", "external_ids", "user_exports", "users"},
        "INSERT": {"user_exports"},
        "UPDATE": {"user_exports"},
        "EXECUTE": {"begin_erasure", "erase_day", "redact_dead_letter", "finish_erasure"},
    },
}  # fmt: skip
_RELATIONS = """
SELECT oid, relname AS name, relkind::text AS kind
  FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')"""
_FUNCTIONS = """
SELECT oid, proname AS name
  FROM pg_proc
 WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype"""
_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


@pytest.mark.parametrize("role", ROLES)
async def test_role_has_the_listed_privileges_only(connection: Any, role: str) -> None:
    await connection.execute("SELECT ensure_partition(now()::date)")
    relations = await connection.fetch(_RELATIONS)
    granted = {
        privilege: {
            row["name"]
            for row in relations
            if row["kind"] != "S" and await _may(connection, role, row["oid"], privilege)
        }
        for privilege in _PRIVILEGES
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
async def test_everything_else_is_denied_when_it_is_tried(connection: Any, role: str) -> None:
    owner = await connection.fetchval("SELECT current_user")
    relations = await connection.fetch(_RELATIONS)
    forbidden = [
        *(f"SELECT nextval('{row['name']}')" for row in relations if row["kind"] == "S"),
        *(f"ALTER TABLE {row['name']} OWNER TO {role}" for row in relations if row["kind"] != "S"),
        "TRUNCATE engagements",
        "CREATE TABLE public.mine ()",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        f"GRANT {role} TO {owner} WITH ADMIN OPTION",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('PG_VERSION')",
        "CHECKPOINT",
    ]
    await connection.execute(f"SET ROLE {role}")

    for statement in forbidden:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def _may(connection: Any, role: str, relation: int, privilege: str) -> bool:
    """Return whether the role has the privilege on the relation or on any of its columns."""
    on_column = privilege in ("SELECT", "INSERT", "UPDATE")
    ask = "SELECT has_table_privilege($1, $2::oid, $3)"
    if on_column:
        ask += " OR has_any_column_privilege($1, $2::oid, $3)"
    return bool(await connection.fetchval(ask, role, relation, privilege))


async def test_roles_have_no_attributes_and_no_memberships(connection: Any) -> None:
    found = await connection.fetch(
        "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls"
        "       OR rolreplication"
        "       OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS has_more"
        "  FROM pg_roles AS r WHERE rolname = ANY ($1)",
        ROLES,
    )

    assert {row["rolname"]: row["has_more"] for row in found} == dict.fromkeys(ROLES, False)


async def test_security_definer_functions_have_a_fixed_search_path(
    connection: Any,
) -> None:
    functions = await connection.fetch(
        "SELECT proname, proconfig FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )

    assert len(functions) > 5
    assert not [
        row["proname"]
        for row in functions
        if "search_path=public, pg_temp" not in (row["proconfig"] or ())
    ]


async def test_login_that_may_not_take_its_role_gets_an_error_that_names_the_setting(
    database: Database,
) -> None:
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
