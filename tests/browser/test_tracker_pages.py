"""The tracker in tags of each kind, single-page apps and growing pages."""

import pytest
from playwright.async_api import Page

from tests.browser.site import ARTICLE, HEAD, Site, posts, types
from tests.serving import new_key
from web.auth import Scope

MODULE = 'type="module"'
INJECT = """<script>
const tag = document.createElement("script");
tag.src = "{src}"; tag.dataset.key = "{key}"; tag.dataset.post = "42";
document.head.append(tag);
</script>"""


def injected(site: Site) -> str:
    return INJECT.format(src=f"{site.service}/tracker.js", key=site.key)


@pytest.mark.parametrize(
    ("how", "is_last"), [("", False), ("", True), ("defer", False), ("async", True), (MODULE, True)]
)
async def test_tracker_works_however_its_tag_is_written(
    site: Site, how: str, *, is_last: bool
) -> None:
    parts = [site.tag(how), ARTICLE]
    site.pages["/"] = HEAD + "".join(reversed(parts) if is_last else parts)
    await counts_once(site)


async def test_tracker_works_when_a_script_adds_it(site: Site) -> None:
    site.pages["/"] = HEAD + injected(site) + ARTICLE
    await counts_once(site)


async def counts_once(site: Site) -> None:
    """Assert that a visit with a click is one view and one like."""
    async with site.opened() as page:
        await page.wait_for_function("!!window.engage")
        await page.click("b")
        await site.events(lambda found: len(found) >= 2)
        assert types(await site.events_before(page)) == ["like", "view"]


@pytest.mark.parametrize("how", ["", MODULE])
async def test_second_tag_with_the_same_key_does_nothing(site: Site, how: str) -> None:
    site.pages["/"] = HEAD + site.tag(how) * 2 + ARTICLE + site.tag(how)
    await counts_once(site)


async def test_tag_that_a_framework_adds_again_does_nothing(site: Site) -> None:
    site.pages["/"] = HEAD + site.tag() + injected(site) + ARTICLE
    async with site.opened() as page:
        await site.events(lambda found: types(found) == ["view"])
        await page.evaluate(
            """() => {
                const old = document.querySelector("script[src]");
                const tag = document.createElement("script");
                for (const {name, value} of old.attributes) tag.setAttribute(name, value);
                old.replaceWith(tag);
                return new Promise((loaded) => tag.onload = loaded);
            }"""
        )
        await page.click("b")
        assert types(await site.events_before(page)) == ["like", "view"]


async def test_second_tag_with_another_key_counts_for_that_key_too(site: Site) -> None:
    other = new_key(site.keys, Scope.INGEST)
    site.pages["/"] = HEAD + site.tag() + site.tag(key=other) + ARTICLE
    async with site.opened() as page:
        await page.click("b")
        found = await site.events(lambda found: len(found) == 4)
        assert types(found) == ["like", "like", "view", "view"]

    assert {r.key for r in site.gateway.beacons} == {site.key, other}


async def test_console_says_when_the_tag_is_not_found(site: Site) -> None:
    site.pages["/"] = f'{HEAD}<script type="module">import "{site.service}/tracker.js"</script>'
    async with site.opened() as page:
        await page.wait_for_function("!!window.engage")
        await page.evaluate("engage('like', {post: '42'})")
        await site.until(lambda: "engage: no script with data-key" in site.console)


async def test_tracker_works_under_a_strict_content_security_policy(site: Site) -> None:
    service = site.service
    site.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {service}; connect-src {service}"
    )
    site.pages["/"] = HEAD + site.tag() + ARTICLE
    async with site.opened() as page:
        await page.click("b")
        await site.events(lambda found: types(found) == ["like", "view"])
        await page.click("b")
        await page.goto("about:blank")
        await site.events(lambda found: types(found) == ["like", "like", "view"])

    assert [text for text in site.console if "Content Security Policy" in text] == []


# Single-page apps.

GO = """<script>
const render = (post) => document.querySelector("main").innerHTML =
  post && `<article data-engage-post="${post}"><b data-engage=like>Like ${post}</b></article>`;
const ways = {
  pushState: (path) => history.pushState({}, "", path),
  replaceState: (path) => history.replaceState({}, "", path),
  navigate: (path) => navigation.navigate(path),
};
window.navigation?.addEventListener("navigate", (event) => event.canIntercept && event.intercept());
addEventListener("popstate", () => show(location.pathname));
const show = (path, delay = 50) => setTimeout(() => render(path.slice(1)), delay);
const go = (way, path, delay) => { ways[way](path); show(path, delay); };
</script>"""


def app(site: Site, data: str, *, before: str = "") -> None:
    """Put a single-page app at every route of the tests."""
    start = "<script>show(location.pathname)</script>"
    html = f"{HEAD}<script>{before}</script>{site.tag(data=data)}<main></main>{GO}{start}"
    for path in ("/", "/a", "/b", "/c"):
        site.pages[path] = html


@pytest.mark.parametrize("way", ["pushState", "replaceState", "navigate"])
async def test_route_of_a_single_page_app_is_a_view(site: Site, way: str) -> None:
    app(site, "data-spa")
    async with site.opened("/a") as page:
        await site.events(lambda found: posts(found) == ["a"])
        await page.evaluate("way => go(way, '/b')", way)
        await site.events(lambda found: posts(found) == ["a", "b"])
        await page.click("b")
        found = await site.events_before(page)

    assert posts(found) == ["a", "b"]
    assert posts(found, "like") == ["b"]


@pytest.mark.parametrize("data", ["data-spa", "data-spa=path"])
async def test_return_to_a_route_is_a_view(site: Site, data: str) -> None:
    app(site, data)
    async with site.opened("/a") as page:
        await site.events(lambda found: len(found) == 1)
        await page.evaluate("go('pushState', '/b')")
        await site.events(lambda found: len(found) == 2)
        await page.go_back()
        found = await site.events(lambda found: len(found) == 3)
        assert await site.events_before(page) == found

    assert posts(found) == ["a", "b", "a"]


async def test_return_by_way_of_a_route_without_a_post_is_a_view(site: Site) -> None:
    app(site, "data-spa")
    async with site.opened("/a") as page:
        await site.events(lambda found: len(found) == 1)
        await page.evaluate("go('pushState', '/')")
        await page.wait_for_function("!document.querySelector('article')")
        await page.wait_for_timeout(1500)
        await page.evaluate("go('pushState', '/a')")
        found = await site.events(lambda found: len(found) == 2)
        assert await site.events_before(page) == found


async def test_former_article_does_not_count_again_while_the_next_loads(site: Site) -> None:
    app(site, "data-spa")
    async with site.opened("/a") as page:
        await site.events(lambda found: len(found) == 1)
        await page.evaluate("go('pushState', '/b', 2500)")
        found = await site.events(lambda found: "b" in posts(found))

    assert posts(found) == ["a", "b"]


async def test_change_of_the_same_path_is_no_view(site: Site) -> None:
    app(site, "data-spa=path")
    async with site.opened("/a") as page:
        await site.events(lambda found: len(found) == 1)
        await page.evaluate("history.replaceState({}, '', '/a?page=2#part')")
        await page.wait_for_timeout(1500)
        assert posts(await site.events_before(page)) == ["a"]


async def test_path_can_be_the_post(site: Site) -> None:
    site.pages["/a"] = (
        HEAD + site.tag(data="data-spa=path") + "<article><b data-engage=like>L</b></article>"
    )
    async with site.opened("/a") as page:
        await site.events(lambda found: posts(found) == ["/a"])
        await page.evaluate("history.pushState({}, '', '/a/b')")
        await site.events(lambda found: posts(found) == ["/a", "/a/b"])
        await page.click("b")
        assert posts(await site.events_before(page), "like") == ["/a/b"]


async def test_post_of_the_tag_is_that_of_the_first_route_only(site: Site) -> None:
    site.page(data='data-post="42" data-spa')
    async with site.opened() as page:
        await site.events(lambda found: posts(found) == [42])
        await page.evaluate("history.pushState({}, '', '/b')")
        await page.click("b")
        await page.wait_for_timeout(1500)
        assert len(await site.events_before(page)) == 1
        await page.go_back()
        await page.click("b")
        found = await site.events(lambda found: len(posts(found, "like")) == 1)

    assert posts(found, "like") == [42]


async def test_article_that_gets_another_post_is_a_view(site: Site) -> None:
    site.pages["/"] = f"{HEAD}{site.tag(data='data-spa')}<article data-engage-post=1>One</article>"
    async with site.opened() as page:
        await site.events(lambda found: posts(found) == [1])
        await page.evaluate(
            "history.pushState({}, '', '/b');"
            "document.querySelector('article').dataset.engagePost = 2"
        )
        await site.events(lambda found: posts(found) == [1, 2])


async def test_article_that_is_rendered_again_is_no_view(site: Site) -> None:
    app(site, "data-spa")
    async with site.opened("/a") as page:
        await site.events(lambda found: len(found) == 1)
        await page.evaluate("render(''); setTimeout(() => render('a'), 300)")
        await page.wait_for_timeout(2000)
        assert posts(await site.events_before(page)) == ["a"]


async def test_routes_are_seen_in_browsers_without_the_navigation_api(site: Site) -> None:
    app(site, "data-spa=path", before="delete window.navigation;")
    async with site.opened("/a") as page:
        assert await page.evaluate("window.navigation") is None
        await site.events(lambda found: posts(found) == ["a"])
        await page.evaluate("go('pushState', '/b')")
        await site.events(lambda found: posts(found) == ["a", "b"])


# Elements that appear later.


async def append(page: Page, *numbers: int) -> None:
    await page.evaluate(
        """(numbers) => numbers.forEach((number) => document.body.insertAdjacentHTML("beforeend",
            `<p data-engage-view data-engage-post="${number}" style="height: 400px">x</p>`))""",
        list(numbers),
    )


async def test_elements_that_appear_later_count_when_they_are_in_sight(site: Site) -> None:
    site.pages["/"] = HEAD + site.tag(data="")
    async with site.opened() as page:
        await page.wait_for_function("!!window.engage")
        await append(page, *range(1, 6))
        await site.events(lambda found: posts(found)[:1] == [1])
        assert 5 not in posts(await site.events_before(page))
        await page.evaluate("scrollTo(0, 99999)")
        await site.events(lambda found: 5 in posts(found))
        await append(page, 6)
        await page.evaluate("scrollTo(0, 99999)")
        found = await site.events(lambda found: 6 in posts(found))

    assert len(posts(found)) == len(set(posts(found)))


async def test_element_that_appears_early_does_not_replace_the_view_of_the_page(site: Site) -> None:
    site.page()
    async with site.opened() as page:
        await page.wait_for_function("!!window.engage")
        await append(page, 1)
        await site.events(lambda found: sorted(posts(found)) == [1, 42])


async def test_element_that_disappears_within_a_second_is_no_view(site: Site) -> None:
    site.page()
    async with site.opened() as page:
        await page.wait_for_function("!!window.engage")
        await append(page, 1)
        await page.wait_for_timeout(500)
        await page.evaluate("document.querySelector('p').remove()")
        await site.events(lambda found: 42 in posts(found))
        await page.wait_for_timeout(1000)
        assert posts(await site.events_before(page)) == [42]


async def test_post_in_two_elements_is_one_view(site: Site) -> None:
    site.pages["/"] = HEAD + site.tag(data="") + "<p data-engage-view data-engage-post=1>x</p>" * 2
    async with site.opened() as page:
        await site.events(lambda found: len(found) >= 1)
        assert posts(await site.events_before(page)) == [1]
