"""The truth about generated traffic, to which tests hold the reports."""

from loadgen.catalogue import role_of
from loadgen.traffic import HOUR_US, PROMOTED_LIFT, WEEK, PostFacts, share_to_come


def expected_engagement(post: PostFacts, hours: int) -> float:
    """Return what a post earns in its first hours, up to a factor that all posts share.

    The mean over chance and viral posts: the author's quality, promotion, decay, and the weights of
    the hours of the week.
    """
    quality = role_of(post.author_id).quality * (PROMOTED_LIFT if post.is_promoted else 1.0)
    return quality * sum(
        (share_to_come(age * HOUR_US) - share_to_come((age + 1) * HOUR_US))
        * WEEK[(post.published_us // HOUR_US + age) % len(WEEK)]
        for age in range(hours)
    )
