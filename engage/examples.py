"""An example of each command, which ends its help."""

from typing import Any, Final

_EXAMPLES: Final = {
    "demo": "--once",
    "up": "--detach --api-port 0",
    "down": "--wipe --dry-run",
    "status": "--json",
    "env": "--dir .engage",
    "doctor": "-o json",
    "seed": "--posts 1000",
    "import catalogue": "posts.csv --dry-run",
    "import events": "events.ndjson --dry-run",
    "load": "--events 20000 --history-days 90",
    "load verify": "--posts 0",
    "report audience": "--by country --period 7d",
    "report author": "7",
    "report author-benchmark": "7 --period 30d",
    "report authors": "--limit 5",
    "report categories": "--metric posts",
    "report cohorts": "--hours 24",
    "report effects": "--category Tech",
    "report engagement-patterns": "--tz Europe/Berlin",
    "report fair-authors": "--period 90d --limit 10",
    "report fair-posts": "--category Tech --hours 24",
    "report funnel": "--period 7d",
    "report movers": "--hours 24",
    "report next-slots": "-o ics --file slots.ics",
    "report opportunity": "--category Tech",
    "report opportunity-authors": "-o csv --file authors.csv",
    "report overview": "--start 2026-11-01 --end 2026-11-30",
    "report post": "42 --period all",
    "report post-benchmark": "42",
    "report posting-hours": "--tz Europe/Berlin",
    "report posts": "--limit 20",
    "report ranking": "author --period 7d",
    "report search": "mortgage",
    "report series": "--interval hour --period 7d",
    "report top-authors": "-o json",
    "report weekly": "7 -o html --file week.html",
    "report when-to-post": "--category Tech",
    "experiment plan": "posting-times --lift 20",
    "experiment start": "autumn posting-times --dry-run",
    "experiment list": "-o json",
    "experiment show": "autumn",
    "experiment read": "autumn",
    "ledger": "--watch --every 1",
    "monitor": "--once -o json",
    "db migrate": "--dry-run",
    "db verify": "-o json",
    "db partitions": "-o csv",
    "db refresh": "--dir .engage",
    "db orphans": "--limit 10",
    "dead-letters list": "--each --limit 5",
    "dead-letters show": "42",
    "dead-letters replay": "--all --dry-run",
    "consumer resume": "--partition 0 --dry-run",
    "events retract": "--key 8u9bqycb1b --from 2026-11-30T09:00:00Z --dry-run",
    "users erase": "--external-id ann@example.com --dry-run",
    "users export": "--user-id 42 --file user.ndjson",
    "users erasures": "--limit 10",
    "archive list": "-o json",
    "archive check": "--archive s3://bucket/events",
    "archive restore": "2026-01-01 2026-01-31 --archive s3://bucket/events --dry-run",
    "archive scrub": "--archive s3://bucket/events --dry-run",
    "fetch-charts": "--to /srv/charts",
    "keys create": "--scope read --label newsroom",
    "keys list": "-o json",
    "keys revoke": "8u9bqycb1b",
    "config show": "-o json",
    "config table": "",
}
"""Arguments of an example, by command."""


def add_examples(command: Any, path: str) -> Any:
    """Add an example to the help of a command, or of each command of a group; return it."""
    for name, child in getattr(command, "commands", {}).items():
        add_examples(child, f"{path} {name}")
    if path in _EXAMPLES:
        command.epilog = f"Example: engage {path} {_EXAMPLES[path]}".rstrip()
    return command
