"""Parameters that reports share. The model of a report's parameters derives from them."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from analytics_api.periods import Comparison, PeriodName
from schema.event import EventType
from web.parameters import Boolean, DateParameter, Integer

Age = Literal["1", "6", "24", "48", "168"]
"""Hours of a post's life at which posts are compared: compared_ages() of the database."""
AGES = tuple(map(int, get_args(Age)))
_Text = Annotated[str | None, Field(max_length=200, pattern=r"^[^\x00]+$")]


class Parameters(BaseModel):
    """The parameters of a report: query parameters, and those that its path names."""

    model_config = ConfigDict(frozen=True)


class ZoneParameters(Parameters):
    """The time zone of a report."""

    tz: str | None = Field(None, description="IANA time zone. Default: the reporting time zone.")


class FilterParameters(ZoneParameters):
    """Selection of posts and events."""

    category: _Text = Field(None, description="Posts of this category.")
    author: str | None = Field(None, description="Posts of this author: a number or external ID.")
    type: EventType | None = Field(None, description="Events of this type.")
    tag: _Text = Field(None, description="Posts with this tag.")
    promoted: Boolean | None = Field(None, description="Only promoted posts, or only the others.")


def _period(default: PeriodName) -> PeriodName | None:
    found: PeriodName | None = Field(
        None, description=f"Since midnight this many days ago, or all time. Default: {default}."
    )
    return found


class PeriodParameters(FilterParameters):
    """A period, 30 days by default, and what counts in it."""

    default_period: ClassVar[PeriodName] = "30d"
    period: PeriodName | None = _period("30d")
    start: DateParameter | None = Field(
        None, description="First day, YYYY-MM-DD in tz; instead of period."
    )
    end: DateParameter | None = Field(None, description="Last day, included. Default: today.")
    compare: Comparison = Field(
        "previous",
        description="Comparison period: the one before, the same of the year before (52 weeks),"
        " or none.",
    )


class QuarterParameters(PeriodParameters):
    """A period, 90 days by default, and what counts in it."""

    default_period: ClassVar[PeriodName] = "90d"
    period: PeriodName | None = _period("90d")


class YearParameters(PeriodParameters):
    """A period, 365 days by default, and what counts in it."""

    default_period: ClassVar[PeriodName] = "365d"
    period: PeriodName | None = _period("365d")


class PageParameters(Parameters):
    """A page of a long list. The Link header of a page has the URL of the next one."""

    limit: Annotated[Integer, Field(ge=1, le=1000)] = Field(20, description="Maximum rows.")
    after: str | None = Field(
        None, max_length=1000, description="Start of the page, from the Link of the page before."
    )


class AgeParameters(Parameters):
    """The age at which posts are compared."""

    hours: Age = Field(
        "48", description="Hours of a post's life that count; younger posts are left out."
    )
