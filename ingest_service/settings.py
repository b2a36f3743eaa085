"""What ``python -m ingest_service`` reads from the environment."""

from pydantic import Field

from schema.settings import HttpSettings, KafkaSettings, WindowSettings


class IngestSettings(KafkaSettings, WindowSettings, HttpSettings):
    """Settings of one ingest process."""

    produce_deadline_seconds: float = Field(
        default=4.5, gt=0, description="An event the broker has not acknowledged by then is 503."
    )
    body_deadline_seconds: float = Field(
        default=10.0, gt=0, description="A body that has not arrived by then is refused."
    )
    max_waiting_events: int = Field(
        default=50_000, ge=1, description="Unacknowledged events held; beyond them all is 503."
    )
