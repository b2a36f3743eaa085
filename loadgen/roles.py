"""How authors differ: in how much they publish, and in how well it is received.

The roles are dealt out so that every category has each of them, which makes every performance
segment of the reports occur: a lecturer with nothing to show teaches nobody.
"""

from typing import Final, NamedTuple

CATEGORIES: Final = ("Tech", "Lifestyle", "Business", "Health", "Finance", "Entertainment")


class Role(NamedTuple):
    """What to expect of an author.

    Attributes:
        share: posts relative to an ordinary author; 0: the few posts of a rare one.
        quality: engagement a post earns relative to an ordinary author's.
        peak_hour: of the day (UTC) at which most of the posts are published.
    """

    share: float
    quality: float
    peak_hour: float = 10.0


_ROLES: Final = (
    Role(share=1.6, quality=2.6),  # much and good
    Role(share=2.2, quality=0.4, peak_hour=21.0),  # much, late, to little avail: worth coaching
    Role(share=0.0, quality=7.0),  # rare and excellent: worth promoting
    Role(share=1.0, quality=1.0),
    Role(share=0.8, quality=1.3),
    Role(share=1.4, quality=0.6),
    Role(share=0.02, quality=0.9),  # rare and ordinary
    Role(share=1.2, quality=0.8),
)


def home_category(author_id: int) -> str:
    """Return the category an author mostly writes in."""
    return CATEGORIES[(author_id - 1) % len(CATEGORIES)]


def role_of(author_id: int) -> Role:
    """Return the role of an author."""
    return _ROLES[(author_id - 1) // len(CATEGORIES) % len(_ROLES)]
