"""Tables show columns that the reports have."""

import pytest
from pydantic import BaseModel

from analytics_api.reports.fair import models as fair_models
from analytics_api.reports.insight import models as insight_models
from analytics_api.reports.movers import models as movers_models
from analytics_api.reports.opportunity import models as opportunity_models
from analytics_api.reports.plain import models
from analytics_api.reports.scoped import models as scoped_models
from analytics_api.reports.timing import models as timing_models
from engage.terminal.heatmap import lift_map
from engage.terminal.report_tables import COLUMNS, for_people

MODELS: dict[str, type[BaseModel]] = {
    "categories": models.Category,
    "posts": models.SamplePost,
    "authors": models.SampleAuthor,
    "top-authors": models.TopAuthor,
    "engagement-patterns": models.EngagementPattern,
    "opportunity-authors": models.OpportunityAuthor,
    "ranking": scoped_models.Ranked,
    "fair-posts": fair_models.FairPost,
    "fair-authors": fair_models.FairAuthor,
    "fair-opportunity": opportunity_models.Opportunity,
    "cohorts": fair_models.Cohort,
    "when-to-post": timing_models.PostingSlot,
    "next-slots": timing_models.NextSlot,
    "posting-hours": timing_models.PostingHours,
    "movers": movers_models.Mover,
    "funnel": insight_models.FunnelStep,
    "audience": insight_models.AudienceGroup,
    "effects": insight_models.Effect,
}


def test_every_table_is_of_a_report() -> None:
    assert MODELS.keys() == COLUMNS.keys()


@pytest.mark.parametrize("report", COLUMNS)
def test_a_table_has_columns_that_the_report_has(report: str) -> None:
    assert set(COLUMNS[report]) <= set(MODELS[report].model_fields)


def test_titles_are_cut_and_sentences_are_not() -> None:
    long = "word " * 50
    row = dict.fromkeys(COLUMNS["fair-opportunity"], long)
    (shown,) = for_people("fair-opportunity", [row])

    assert len(shown["author_name"]) <= 40
    assert shown["why"] == long


def test_a_map_of_lifts_shows_what_is_clear() -> None:
    verdicts = {(1, 9): "good", (1, 10): "weak", (1, 11): "usual"}
    slots = [
        {
            "day_of_week": day,
            "hour_of_day": hour,
            "lift_pct": 12.3 if (day, hour) == (1, 9) else -4.0,
            "verdict": verdicts.get((day, hour), "thin"),
        }
        for day in range(7)
        for hour in range(24)
    ]
    header, monday, tuesday, *_ = lift_map(slots)

    assert monday == "Mon" + " " * 36 + " +12  -4   ·"
    assert header[39:51] == "   9  10  11"
    assert tuesday == "Tue"
