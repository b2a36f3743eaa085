"""Settings of ``python -m consumer``."""

from pydantic import Field

from runtime.settings import DatabaseSettings, KafkaSettings, TracedSettings, WindowSettings
from schema import topics


class ConsumerSettings(KafkaSettings, DatabaseSettings, WindowSettings, TracedSettings):
    """Settings of one consumer process."""

    consumer_group: str = Field(default=topics.CONSUMER_GROUP, description="Kafka consumer group.")
    consumer_instance_id: str | None = Field(
        default=None,
        description=(
            "Static member ID in the consumer group (`group.instance.id`). A restarted"
            " consumer with the same ID gets its partitions back without a rebalance."
        ),
    )
    session_timeout_seconds: float = Field(
        default=6.0,
        gt=0,
        description=("Seconds without a heartbeat before Kafka reassigns a consumer's partitions."),
    )
    batch_max_rows: int = Field(
        default=10_000, ge=1, description="Write a batch when it has this many events."
    )
    batch_max_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=1,
        description="Write a batch when its records have this many bytes.",
    )
    batch_max_age_seconds: float = Field(
        default=0.02,
        gt=0,
        description="Write a batch when its oldest event has been in it for this many seconds.",
    )
    stall_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        description=(
            "Exit, so that the supervisor restarts the process, when the consumer makes"
            " no progress for this many seconds while Kafka is reachable."
        ),
    )
    dead_letter_limit: int = Field(
        default=100, ge=1, description="Halt a partition after this many dead letters in a row."
    )
