"""`engage report`: what the read API says."""

from typing import Any, Final

import typer
from typer.core import TyperGroup

from engage.commands.report import fair, insight, plain, scoped, weekly

_ALIASES: Final = {
    "engagement": "post",
    "categories-top": "categories",
    "sample-posts": "posts",
    "sample-authors": "authors",
    "patterns": "engagement-patterns",
    "opportunity": "opportunity-authors",
}


class _Reports(TyperGroup):
    """Finds a report also by the name of its URL or of its SQL file."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        name = cmd_name.replace("_", "-")
        return super().get_command(ctx, _ALIASES.get(name, name))


app = typer.Typer(help="Print a report.", no_args_is_help=True, cls=_Reports)
for report in (
    plain.post,
    plain.author,
    plain.categories,
    plain.posts,
    plain.authors,
    plain.top_authors,
    plain.engagement_patterns,
    plain.opportunity_authors,
    scoped.overview,
    scoped.series,
    scoped.ranking,
    fair.fair_posts,
    fair.fair_authors,
    fair.fair_opportunity,
    fair.cohorts,
    fair.effects,
    insight.when_to_post,
    insight.posting_hours,
    insight.movers,
    insight.funnel,
    insight.audience,
    weekly.weekly,
):
    app.command()(report)
