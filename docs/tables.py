"""The reference's page of tables, from the catalogs of a migrated database."""

import tempfile
from pathlib import Path
from typing import Any, Final

import asyncpg

from docs.markdown import page, text_block
from engage.embedded import ports
from engage.embedded.postgres import PostgresServer
from schema.migrate import migrate

_COLUMNS: Final = """
SELECT c.relname AS relation, c.relkind, obj_description(c.oid, 'pg_class') AS purpose,
       a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS is_required,
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
    blocks = []
    for relation in dict.fromkeys(row["relation"] for row in columns):
        of = [row for row in columns if row["relation"] == relation]
        kind = _KINDS[of[0]["relkind"].decode()]
        blocks += [f"## {relation}", " ".join([f"A {kind}.", of[0]["purpose"] or ""]).strip()]
        rows = [
            (
                row["name"],
                row["type"].replace("timestamp with time zone", "timestamptz"),
                "key" if row["is_key"] else "not null" if row["is_required"] else "",
            )
            for row in of
        ]
        blocks.append(text_block(rows))
        if relation in rights:
            blocks.append(f"Rights: {'; '.join(rights[relation])}.")
    return page(
        "Tables",
        "Tables and views that `engage db migrate` creates."
        " The daily partitions of `engagements` have the same columns.",
        *blocks,
    )


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
