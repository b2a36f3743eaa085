"""What ``python -m ingest_service`` reads from the environment."""

from typing import Final

from pydantic import Field

from schema.http.settings import HttpSettings
from schema.settings import KafkaSettings, WindowSettings

BOT_TOKENS: Final = (
    "bot,crawl,spider,slurp,headless,preview,monitor,lighthouse,pagespeed,facebookexternalhit,"
    "pingdom,uptime,phantomjs,selenium,scrapy,archiver,feedfetcher,python-requests,go-http-client"
)


class IngestSettings(KafkaSettings, WindowSettings, HttpSettings):
    """Settings of one ingest process."""

    produce_deadline_seconds: float = Field(
        default=4.5, gt=0, description="An event the broker has not acknowledged by then is 503."
    )
    max_waiting_events: int = Field(
        default=50_000, ge=1, description="Unacknowledged events held; beyond them all is 503."
    )
    bot_filter: bool = Field(
        default=True, description="Drop what bots send to the beacon and the pixel: on or off."
    )
    bot_tokens: str = Field(
        default=BOT_TOKENS,
        description="Comma-separated parts of a User-Agent that tell a bot, in lower case.",
    )
    ignored_user_ids: str = Field(
        default="",
        description="Comma-separated users, by number or external id, whose events from browsers"
        " are not counted.",
    )
    event_filter: str = Field(
        default="",
        pattern=r"^([\w.]+:\w+)?$",
        description="module:function that may drop a browser's events; see docs/browser.md.",
    )
