"""What ``python -m consumer`` reads from the environment."""

from pydantic import Field

from schema import topics
from schema.settings import DatabaseSettings, KafkaSettings, TracedSettings, WindowSettings


class ConsumerSettings(KafkaSettings, DatabaseSettings, WindowSettings, TracedSettings):
    """Settings of one consumer process."""

    consumer_group: str = Field(
        default=topics.CONSUMER_GROUP, description="Kafka group the consumers share."
    )
    consumer_instance_id: str | None = Field(
        default=None,
        description="Static member name: a restarted consumer gets its partitions back at once.",
    )
    session_timeout_seconds: float = Field(
        default=6.0, gt=0, description="After this silence a consumer's partitions move on."
    )
    batch_max_rows: int = Field(
        default=10_000, ge=1, description="A batch is written when this many events wait."
    )
    batch_max_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1, description="... or this many bytes of records."
    )
    batch_max_age_seconds: float = Field(
        default=0.02, gt=0, description="... or when the oldest event waited this long."
    )
    silence_limit_seconds: float = Field(
        default=30.0,
        gt=0,
        description="A consumer that hangs for so long while Kafka answers ends, to be restarted.",
    )
    dead_letter_limit: int = Field(
        default=100, ge=1, description="A partition halts at this many dead letters in a row."
    )
