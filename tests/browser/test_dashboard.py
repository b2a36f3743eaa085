"""The dashboard in a real browser: what it shows is what the API answers."""

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.newsroom import Dashboard, refresh, scope
from tests.integration.api.conftest import row


def said(number: float) -> str:
    """Return a number as the page says it: two decimals at most, halves up."""
    rounded = Decimal(str(number)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{rounded:,}".rstrip("0").rstrip(".")


async def test_the_tiles_are_the_overviews_numbers(dashboard: Dashboard) -> None:
    await dashboard.open()
    found = await dashboard.json(f"/reports/overview?{scope()}")

    for name in ("total_engagements", "views", "likes", "comments", "shares", "active_users"):
        tile = dashboard.page.locator(f"[data-tile={name}]")
        await expect(tile.locator(".value")).to_have_text(f"{found['current'][name]:,}")
        change = found["change_pct"][name]
        shown = "none before" if change is None else f"{said(abs(round(change, 1)))}%"
        await expect(tile.locator(".change")).to_contain_text(shown)


async def test_the_rankings_are_the_apis(dashboard: Dashboard) -> None:
    await dashboard.open()
    for dimension, mark in (("post", ""), ("author", ""), ("category", ""), ("tag", "#")):
        found = await dashboard.json(f"/reports/ranking/{dimension}?{scope()}&limit=8")
        rows = f"#{dimension}-ranking .rows > li"

        assert await dashboard.texts(f"{rows} .label") == [mark + each["label"] for each in found]
        assert await dashboard.texts(f"{rows} > .figure") == [
            f"{each['total_engagements']:,}" for each in found
        ]


async def test_the_fair_rankings_are_the_apis(dashboard: Dashboard) -> None:
    await dashboard.open("?period=91d")
    for dimension, path, label in (
        ("post", "fair-posts", "title"),
        ("author", "fair-authors", "author_name"),
    ):
        panel = dashboard.page.locator(f"#{dimension}-ranking")
        await panel.get_by_role("button", name="Fair").click()
        await expect(panel.locator(".interval").first).to_be_visible()
        found = await dashboard.json(f"/reports/{path}?{scope(91)}&limit=8")
        rows = f"#{dimension}-ranking .rows > li"

        assert found
        assert await dashboard.texts(f"{rows} .label") == [each[label] for each in found]
        assert await dashboard.texts(f"{rows} > .figure") == [
            f"{said(each['index'])} \N{MULTIPLICATION SIGN}" for each in found
        ]


async def test_the_authors_to_coach_are_the_apis_with_their_reasons(dashboard: Dashboard) -> None:
    await dashboard.open()
    found = [each for each in await dashboard.json("/reports/opportunity?tz=UTC") if each["gain"]]

    assert found, "Bob's posts should do worse than the median author's"
    for each in found[:3]:
        card = dashboard.page.locator(f"#opportunities [data-author='{each['author_id']}']")
        await expect(card.locator("h3")).to_have_text(each["author_name"])
        await expect(card.locator(".gain")).to_have_text(f"+{each['gain']:,}")
        for reason in each["reasons"][:4]:
            await expect(card.locator("ul")).to_contain_text(f"(mean {said(reason['category'])}")
            if reason["effect_pct"] is not None:
                effect = f": \N{MINUS SIGN}{said(-reason['effect_pct'])}% engagement ("
                await expect(card.locator("ul")).to_contain_text(effect)
    answer = "[data-answer=coach] li"
    assert await dashboard.texts(f"{answer} .who") == [each["author_name"] for each in found[:3]]
    assert await dashboard.texts(f"{answer} b") == [f"+{each['gain']:,}" for each in found[:3]]
    for shown, each in zip(await dashboard.texts(f"{answer} .why"), found, strict=False):
        reasons = [said(reason["author"]) for reason in each["reasons"]]
        assert (reasons or ["No single habit explains it"])[0] in shown


async def test_what_rises_is_the_apis_with_its_cause(own_dashboard: Dashboard) -> None:
    rush = [row(150, "share") for _ in range(400)]
    await own_dashboard.api.store(rush)
    await own_dashboard.api.connection.execute("SELECT refresh_engagement_stats()")
    await own_dashboard.api.connection.execute("SELECT refresh_first_hours()")
    await own_dashboard.renewed(len(rush))
    await own_dashboard.open()
    found = (await own_dashboard.json("/reports/movers?tz=UTC&limit=12"))[:7]

    assert found, "400 shares of one post in a moment should be unusual"
    for each in found:
        shown = own_dashboard.page.locator(
            f"#movers [data-key='{each['dimension']}:{each['key']}']"
        )
        await expect(shown).to_contain_text(each["label"])
        fact = f"{each['engagements']:,} engagements in "
        await expect(shown.locator("p")).to_contain_text(fact)
        cause = "more" if each["direction"] == "above" else "fewer"
        await expect(shown.locator("p")).to_contain_text(f"{cause} {each['cause_type']}s")
    rises = [each for each in found if each["direction"] == "above" and each["dimension"] != "all"]
    first = next((each for each in rises if each["dimension"] == "post"), rises[0])
    best = own_dashboard.page.locator("[data-answer=rising] .said")
    await expect(best).to_have_text(first["label"])


async def test_the_charts_table_is_the_series(dashboard: Dashboard) -> None:
    await dashboard.open()
    await dashboard.page.locator("#trend details summary").click()
    found = await dashboard.json(f"/reports/series?{scope()}&interval=day")

    shown = await dashboard.texts("#trend tbody td:nth-child(2)")
    assert shown == [f"{point['total_engagements']:,}" for point in found]
    await expect(dashboard.page.locator("#trend .uplot canvas")).to_have_count(1)


async def test_the_hours_of_readers_are_the_patterns(dashboard: Dashboard) -> None:
    await dashboard.open()
    found = await dashboard.json("/analytics/engagement-patterns?tz=UTC")

    for cell in found[:20]:
        place = f"{cell['day_name'].strip()} {cell['hour_of_day']:02}:00"
        shown = dashboard.page.locator(f'#hours td[title^="{place}: "]')
        await expect(shown).to_have_attribute(
            "title", re.compile(rf": {cell['total_engagements']:,} engagements?\b")
        )
    assert await dashboard.page.locator("#hours td.now").count() == 1


async def test_hours_can_be_read_by_keyboard_and_by_touch(dashboard: Dashboard) -> None:
    await dashboard.open()
    hours = dashboard.page.locator("#hours")
    monday, tuesday = (hours.locator(f"tbody tr:nth-child({day}) td") for day in (1, 2))
    await hours.get_by_role("group", name="Engagements by weekday and hour").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        await dashboard.page.keyboard.press(key)
    said = hours.get_by_text(await monday.nth(2).get_attribute("title") or "", exact=True)
    await expect(said).to_be_visible()
    await tuesday.nth(4).dispatch_event("pointerover")

    shown = hours.get_by_text(await tuesday.nth(4).get_attribute("title") or "", exact=True)
    await expect(shown).to_be_visible()


async def test_when_to_publish_is_the_apis(dashboard: Dashboard) -> None:
    await dashboard.open()
    cells = await dashboard.json("/reports/when-to-post?tz=UTC")
    following = await dashboard.json("/reports/when-to-post/next?tz=UTC")

    for verdict in ("good", "weak", "usual", "thin"):
        expected = sum(cell["verdict"] == verdict for cell in cells)
        assert await dashboard.page.locator(f"#when td.{verdict}").count() == expected
    assert await dashboard.page.locator("#when [data-slot]").count() == len(following)
    best = dashboard.page.locator("[data-answer=when]")
    if following:
        await expect(best.locator(".why").first).to_contain_text(said(following[0]["lift_pct"]))
    else:
        is_known = any(cell["verdict"] != "thin" for cell in cells)
        await expect(best.locator("strong")).to_have_text(
            "No hour is clearly better" if is_known else "Not enough data yet"
        )


async def test_readers_and_their_steps_are_the_apis(dashboard: Dashboard) -> None:
    await dashboard.open()
    steps = await dashboard.json(f"/reports/funnel?{scope()}")
    groups = await dashboard.json(f"/reports/audience?{scope()}&by=country")

    for step in steps:
        shown = dashboard.page.locator(f"#funnel [data-step={step['step']}] .figure")
        await expect(shown).to_contain_text(f"{step['readings']:,}")
    await dashboard.page.get_by_role("button", name="Country").click()
    await expect(dashboard.page.locator("#audience .rows .label").first).to_have_text(
        groups[0]["key"]
    )


async def test_an_event_shows_in_the_pipeline_and_right_now_without_a_reload(
    own_dashboard: Dashboard,
) -> None:
    await own_dashboard.open()
    await own_dashboard.api.store([row(160, "share"), row(160)])
    now = own_dashboard.page.locator("#now .rows > li[data-key='160']")
    await expect(now.locator(".figure")).to_have_text("2", timeout=30_000)
    live = await own_dashboard.json("/live")
    ledger = await own_dashboard.json("/ops/ledger")

    pipeline = own_dashboard.page.locator("#pipeline")
    await expect(pipeline.locator("[data-fact=stored]")).to_contain_text(
        f"{live['pipeline']['stored']:,}"
    )
    # The newsroom did not come by the topic, so the log is shorter than what was read of it.
    assert not ledger["balanced"]
    await expect(pipeline.locator("[data-fact=balanced]")).to_contain_text("off")
    await expect(pipeline.locator("[data-fact=dead_letters]")).to_contain_text("0")
    await expect(own_dashboard.page.locator("#live")).to_contain_text("events/s")


async def test_where_streams_do_not_pass_the_page_polls(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True

    async def refuse_streams(route: Any, request: Any) -> None:
        if "event-stream" in request.headers["accept"]:
            await route.abort()
        else:
            await route.continue_()

    await dashboard.page.route("**/live", refuse_streams)
    await dashboard.open()

    await expect(dashboard.page.locator("#live")).to_have_attribute(
        "data-state", "live", timeout=60_000
    )


async def test_a_click_on_an_author_filters_everything_and_the_address_says_so(
    dashboard: Dashboard,
) -> None:
    await dashboard.open()
    await dashboard.page.locator("#author-ranking li[data-key='2'] .label").click()
    await expect(dashboard.page).to_have_url(re.compile(r"/dashboard\?tz=UTC&author=2$"))
    filtered = await dashboard.json(f"/reports/overview?{scope()}&author=2")
    total = dashboard.page.locator("[data-tile=total_engagements] .value")

    for step in ("shown", "reloaded"):
        await expect(total, step).to_have_text(f"{filtered['current']['total_engagements']:,}")
        await expect(dashboard.page.locator(".chip")).to_contain_text("Bob Marsh")
        await expect(dashboard.page.locator("#subject h2")).to_have_text("Bob Marsh")
        await dashboard.page.reload()
        await dashboard.settled()
    await dashboard.page.go_back()
    await expect(dashboard.page.locator(".chip")).to_have_count(0)


async def test_what_the_address_says_is_asked(dashboard: Dashboard) -> None:
    total = dashboard.page.locator("[data-tile=total_engagements] .value")
    for query, asked in (
        ("period=7d", scope(7)),
        ("period=all", "period=all&tz=UTC"),
        ("start=2026-01-01", "start=2026-01-01&tz=UTC"),
        ("category=Tech", f"{scope()}&category=Tech"),
        ("type=like", f"{scope()}&type=like"),
        ("tag=guide", f"{scope()}&tag=guide"),
        ("promoted=true", f"{scope()}&promoted=true"),
    ):
        await dashboard.open(f"?{query}")
        found = await dashboard.json(f"/reports/overview?{asked}")
        await expect(total, query).to_have_text(f"{found['current']['total_engagements']:,}")


async def test_names_are_text_and_never_markup(dashboard: Dashboard) -> None:
    await dashboard.open("?author=4")

    await expect(dashboard.page.locator("#subject h2")).to_have_text("Dee <b>Poe</b>")
    assert await dashboard.page.locator("main b", has_text="Poe").count() == 0


async def test_a_post_has_a_page_of_its_own(dashboard: Dashboard) -> None:
    await dashboard.open()
    await dashboard.page.locator("#post-ranking .rows .label").first.click()
    await expect(dashboard.page.locator("#subject h2")).to_contain_text("about")
    [post] = re.findall(r"post=(\d+)", dashboard.page.url)
    found = await dashboard.json(f"/engagement/{post}?period=all")

    for name in ("total_engagements", "views", "likes", "comments", "shares"):
        await expect(dashboard.page.locator(f"#subject [data-fact={name}]")).to_contain_text(
            f"{found[name]:,}"
        )
    await expect(dashboard.page.locator("#post-ranking")).to_be_hidden()
    subject = dashboard.page.locator("#subject")
    await subject.get_by_role("button", name="How is this computed?").click()
    await expect(dashboard.page.locator("dialog")).to_contain_text(f"/engagement/{post}?period=all")
    await dashboard.page.keyboard.press("Escape")
    await dashboard.page.get_by_role("button", name="All posts").click()
    await expect(dashboard.page.locator("#post-ranking")).to_be_visible()


async def test_posts_with_an_external_id_are_linked_to_their_articles(
    own_dashboard: Dashboard,
) -> None:
    await own_dashboard.api.connection.execute(
        "INSERT INTO external_ids VALUES ('post', $1, 185)", 'caf\u00e9/#1 "&'
    )
    await own_dashboard.api.store([row(185, "share") for _ in range(500)])
    await refresh(own_dashboard.api)
    await own_dashboard.renewed(500)
    article = "https://news.test/caf%C3%A9%2F%231%20%22%26?post=185"
    for query, place in (("", "#post-ranking"), ("", "#now"), ("?post=185", "#subject")):
        await own_dashboard.open(query)
        link = own_dashboard.page.locator(f"{place} a.article")
        await expect(link).to_have_attribute("href", article)
        await expect(link).to_have_attribute("rel", "noopener")
        await expect(link).to_have_attribute("aria-label", re.compile("Post 185 about"))
    await own_dashboard.open("?post=160")

    await expect(own_dashboard.page.locator("#subject h2")).to_be_visible()
    await expect(own_dashboard.page.locator("#subject a.article")).to_have_count(0)


async def test_annotations_are_marked_in_the_charts_and_listed_below(
    own_dashboard: Dashboard,
) -> None:
    await own_dashboard.api.connection.execute(
        "INSERT INTO annotations (annotated_timestamp, post_id, text) VALUES"
        " (now() - interval '6 days', NULL, 'Newsletter <b>sent</b>'),"
        " (now() - interval '3 hours', 185, 'On the home page'),"
        " (now() - interval '400 days', NULL, 'Long ago'), (now() + interval '1 h', NULL, 'Later')"
    )
    await own_dashboard.api.store([row(185)])
    await own_dashboard.open()
    trend = own_dashboard.page.locator("#trend")
    await expect(trend.locator(".annotations li")).to_contain_text(["Newsletter <b>sent</b>"])
    await expect(trend.locator(".u-over .mark")).to_have_text(["1"])
    await own_dashboard.open("?post=185")

    for panel in ("#trend", "#path"):
        listed = own_dashboard.page.locator(f"{panel} .annotations li")
        await expect(listed.last).to_contain_text("On the home page")
        marks = own_dashboard.page.locator(f"{panel} .mark")
        assert await marks.count() == await listed.count() > 0


async def test_page_of_a_post_shows_it_among_posts_of_its_age(own_dashboard: Dashboard) -> None:
    await own_dashboard.api.store([row(185, "share") for _ in range(2000)])
    await own_dashboard.open("?post=185")
    found = await own_dashboard.json("/reports/post-benchmark/185")
    points = await own_dashboard.json("/reports/post-path/185")
    panel = own_dashboard.page.locator("#path")

    assert found["percentile"] == 100
    await expect(panel.locator("[data-fact=percentile]")).to_contain_text(
        f"Better than all of the last {found['peers']} posts"
    )
    await expect(panel.locator("[data-fact=reached]")).to_contain_text(
        f"{found['total_engagements']:,}"
    )
    await expect(panel.locator("[data-fact=users]")).to_contain_text(f"{found['active_users']:,}")
    await panel.locator("summary").click()
    shown = await own_dashboard.texts("#path tbody td:nth-child(2)")
    assert shown == [
        "\u2013" if point["engagements"] is None else f"{point['engagements']:,}"
        for point in points
    ]
    bands = await panel.locator("figure path[class^=band]").evaluate_all(
        "(paths) => paths.map((each) => getComputedStyle(each).fill)"
    )
    assert len(bands) == 2
    assert "none" not in bands
    # The spike is within the chart.
    figure = await panel.locator("figure").bounding_box()
    now = await panel.locator("figure .now").bounding_box()
    assert figure is not None
    assert now is not None
    assert figure["y"] - 8 < now["y"] < figure["y"] + figure["height"] / 8


async def test_readers_and_fading_are_the_apis(dashboard: Dashboard) -> None:
    await dashboard.open()
    loyalty = await dashboard.json(f"/reports/loyalty?{scope()}")
    decay = await dashboard.json("/reports/decay?tz=UTC")

    assert loyalty["returning_users"]
    for name in ("active_users", "new_users", "returning_users", "loyal_users"):
        fact = dashboard.page.locator(f"#loyalty [data-fact={name}]")
        await expect(fact).to_contain_text(f"{loyalty[name]:,}")
    assert await dashboard.texts("#decay .label") == [
        each["category"] or "All posts" for each in decay
    ]
    assert [text.split()[0] for text in await dashboard.texts("#decay .figure")] == [
        said(each["half_life_hours"]) for each in decay
    ]


async def test_tiles_say_whether_a_change_is_usual(dashboard: Dashboard) -> None:
    await dashboard.open("?period=7d")
    found = await dashboard.json(f"/reports/overview?{scope(7)}")

    assert found["usual_change"]
    for name, usual in found["usual_change"].items():
        verdict = dashboard.page.locator(f"[data-tile={name}] .verdict")
        await expect(verdict).to_have_text("\u00a0" if usual is None else re.compile("usual$"))
        if usual is not None:
            is_usual = await verdict.inner_text() == "as usual"
            assert is_usual == (not usual["is_exceeded"])


async def test_fair_authors_have_the_chance_to_be_among_the_ten_best(dashboard: Dashboard) -> None:
    await dashboard.open("?period=91d")
    panel = dashboard.page.locator("#author-ranking")
    await panel.get_by_role("button", name="Fair").click()
    (first, *_) = await dashboard.json(f"/reports/fair-authors?{scope(91)}&limit=8")

    await expect(panel.locator(".sub").first).to_contain_text(
        f"among the ten best: {said(round(first['top_10_pct'], 1))}%"
    )


async def test_author_has_known_readers_and_the_share_of_the_most_active(
    dashboard: Dashboard,
) -> None:
    await dashboard.open("?author=2")
    (found,) = await dashboard.json(f"/reports/users/author?{scope()}&author=2")

    fact = dashboard.page.locator("#subject [data-fact=active_users]")
    await expect(fact).to_contain_text(f"{found['active_users']:,}")
    await expect(fact).to_contain_text(f"{said(round(found['top_user_pct'], 1))}%")


async def test_each_panel_tells_its_sql_and_saves_its_rows(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    await dashboard.open()
    panels = await dashboard.page.locator("section.panel:visible").all()
    assert len(panels) >= 10
    for panel in panels:
        await panel.get_by_role("button", name="How is this computed?").click()
        dialog = dashboard.page.locator("dialog")
        await expect(dialog.locator("pre").first).not_to_contain_text("-- there is no")
        name = (await dialog.locator("h3").first.inner_text()).removeprefix("sql/")
        answer = await dashboard.api.get(f"/sql/{name.removesuffix('.sql')}")
        await expect(dialog.locator("pre").first).to_have_text(await answer.text())
        for path in re.findall(r"'http://[^/]+(\S+format=sql)'", await dialog.inner_text()):
            script = await dashboard.api.get(path)
            assert await answer.text() in await script.text()
        await dashboard.page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
    async with dashboard.page.expect_download() as saving:
        await dashboard.page.locator("#author-ranking").get_by_role("button", name="CSV").click()
    download = await saving.value
    await download.save_as(tmp_path / "saved.csv")
    expected = await dashboard.api.get(f"/reports/ranking/author?{scope()}&limit=8&format=csv")
    assert (tmp_path / "saved.csv").read_bytes() == (await expected.text()).encode()


async def test_a_link_can_be_shared_without_the_key_which_stays_in_the_browser(
    dashboard: Dashboard,
) -> None:
    await dashboard.open("?period=7d")
    assert dashboard.page.url.endswith("/dashboard?period=7d&tz=UTC")
    other = await dashboard.page.context.new_page()
    await other.goto(dashboard.page.url)

    await expect(other.locator("[data-tile=views] .value")).to_be_visible()
    await other.get_by_role("button", name="Forget the key").click()
    await expect(other.locator("#notice h2")).to_have_text("A read key is needed")
    dashboard.expects_failures = True


@pytest.mark.parametrize("own_dashboard", [False], indirect=True)
async def test_without_the_chart_library_charts_are_drawn_plainly(own_dashboard: Dashboard) -> None:
    await own_dashboard.open()

    await expect(own_dashboard.page.locator("#trend svg.plain-chart path").first).to_be_attached()
    assert await own_dashboard.page.locator(".uplot").count() == 0
