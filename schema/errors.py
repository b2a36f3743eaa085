"""Every error this project raises on purpose.

EngagementError
├── InvalidEvent      what came is not an event; sending it again cannot help
├── Unavailable       Kafka or PostgreSQL did not answer in time; trying again may help
├── Halted            a partition cannot go on by itself; a person decides
└── SetupError        the installation or its settings are wrong; the message names the fix
"""


class EngagementError(Exception):
    """The root of the project's own errors."""


class InvalidEvent(EngagementError):  # noqa: N818  (named for what it is, as the field does)
    """The input is not an engagement event.

    Attributes:
        code: a stable snake_case tag, part of the public contract.
        detail: one sentence for a person; never contains the input itself.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Unavailable(EngagementError):  # noqa: N818
    """Kafka or PostgreSQL did not answer in time."""


class Halted(EngagementError):  # noqa: N818
    """A partition cannot go on by itself: its log diverged, or nothing in it can be stored.

    Attributes:
        reason: the halt reason kept in the offset row.
        detail: the facts, for the operator.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SetupError(EngagementError):
    """The installation or its settings are wrong; the message names the fix."""
