"""Errors that all packages share.

EngagementError
├── InvalidEvent      the input is not an event: do not retry
├── Unavailable       Kafka or PostgreSQL did not respond in time: retry
├── Halted            a partition needs an operator
└── SetupError        the installation or a setting is wrong; the message has the remedy
"""


class EngagementError(Exception):
    """Base class of the project's errors."""


class InvalidEvent(EngagementError):  # noqa: N818
    """The input is not an engagement event.

    Attributes:
        code: stable snake_case code, part of the public contract.
        detail: one sentence that never quotes the input.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Unavailable(EngagementError):  # noqa: N818
    """Kafka or PostgreSQL did not respond in time."""


class Halted(EngagementError):  # noqa: N818
    """A partition needs an operator: its log diverged, or its records cannot be stored.

    Attributes:
        reason: snake_case reason, recorded in the offset row.
        detail: details for the operator.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SetupError(EngagementError):
    """The installation or a setting is wrong; the message has the remedy."""
