"""The reference's page of tables, from a migrated database and the migrations' comments."""

import re
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any, Final

import asyncpg

from docs.markdown import page, table
from engage.embedded import ports
from engage.embedded.postgres import PostgresServer
from schema.migrate import migrate

_COLUMNS: Final = """
SELECT c.relname AS relation, c.relkind, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS is_required,
       coalesce(a.attnum = ANY (k.conkey), false) AS is_key
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'v')
   AND NOT c.relispartition
 ORDER BY c.relname, a.attnum"""
_RIGHTS: Final = """
SELECT g.table_name AS relation, g.grantee, string_agg(DISTINCT g.privilege_type, ', ') AS rights
  FROM (SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
        UNION ALL
        SELECT table_name, grantee, privilege_type || ' of columns'
          FROM information_schema.column_privileges AS c
         WHERE NOT EXISTS (SELECT FROM information_schema.role_table_grants AS t
                            WHERE (t.table_name, t.grantee, t.privilege_type)
                                  = (c.table_name, c.grantee, c.privilege_type))) AS g
 WHERE g.grantee LIKE 'engage\\_%'
 GROUP BY g.table_name, g.grantee
 ORDER BY g.table_name, g.grantee"""
_KINDS: Final = {"r": "table", "p": "partitioned table", "m": "materialized view", "v": "view"}


async def tables(connection: Any) -> str:
    """Return the page of the tables of a migrated database."""
    columns = await connection.fetch(_COLUMNS)
    rights: dict[str, list[str]] = {}
    for row in await connection.fetch(_RIGHTS):
        rights.setdefault(row["relation"], []).append(f"`{row['grantee']}` {row['rights']}")
    purposes = _purposes()
    blocks = []
    for relation in dict.fromkeys(row["relation"] for row in columns):
        of = [row for row in columns if row["relation"] == relation]
        kind = _KINDS[of[0]["relkind"].decode()]
        blocks += [f"## {relation}", " ".join([f"A {kind}.", purposes.get(relation, "")]).strip()]
        rows = [
            (
                f"`{row['name']}`",
                row["type"],
                "key" if row["is_key"] else "required" if row["is_required"] else "",
            )
            for row in of
        ]
        blocks.append(table(("column", "type", ""), rows))
        if relation in rights:
            blocks.append(f"Rights: {'; '.join(rights[relation])}.")
    return page(
        "Tables",
        "What `engage db migrate` makes. The daily partitions of `engagements` look as it does.",
        *blocks,
    )


def _purposes() -> dict[str, str]:
    """Return what the migrations say of each relation, in the comment above it."""
    found = {}
    folder = resources.files("schema").joinpath("migrations")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        matches = re.finditer(
            r"^((?:-- .*\n)+)CREATE (?:OR REPLACE )?(?:TABLE|MATERIALIZED VIEW|VIEW) (\w+)",
            file.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        for match in matches:
            said = match[1].replace("-- ", " ").replace("\n", "").strip()
            found.setdefault(match[2], said)
    return found


async def of_a_fresh_database() -> str:
    """Return the page of the tables, from a PostgreSQL that is started for it."""
    with tempfile.TemporaryDirectory(prefix="engage-docs-") as folder:
        server = PostgresServer(Path(folder), port=ports.pick())
        await server.start()
        try:
            await server.wait_ready()
            connection = await asyncpg.connect(server.superuser_url)
            await migrate(connection)
            text = await tables(connection)
            await connection.close()
        finally:
            await server.stop()
    return text
