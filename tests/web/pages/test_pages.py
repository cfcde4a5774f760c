"""The builds page and the dead letters: what was built, and what waits for a person?"""

import re
from html import unescape
from importlib.metadata import version
from uuid import UUID

import httpx
import pytest

from service.model import Actor, Commit, DeliveryState, EventKind, Project, Workflow
from service.store.deliveries import deliveries
from service.web.pages.context import PageLimits
from tests.generate_docs import ROOT
from tests.support.log_capture import logged
from tests.support.pages_fixture import JOB, Instance, browser, instance, text

__all__ = ["browser", "instance"]  # pytest finds fixtures by name


# Builds


async def test_a_build_is_one_line_with_its_story(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()

    page = await browser.get("/builds")

    line = "✕ failed build-and-test #1487 jobs acme/web main Apply vouchers before shipping 3f2c8a5 Ada Example"
    assert f"{line} today 09:11 1 minute ago · took 5 min 03 s no notification: see why" in text(page)
    assert f'href="/builds/{event.id}"' in page.text
    assert '<time datetime="2026-11-22T09:11:03.000Z" title="2026-11-22 09:11:03 UTC">' in page.text


@pytest.mark.long
async def test_builds_are_shown_newest_first_and_older_ones_on_further_pages(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    for n in range(51):
        await instance.build(commit=Commit(subject=f"Part {n}."), branch="main" if n else "elsewhere")
        await instance.build(commit=Commit(subject=f"Other {n}."), branch="other")

    first = await browser.get("/builds?branch=main&q=part")
    everything = await browser.get("/builds?q=part")
    older = await browser.get(link(everything, "Older"))

    assert text(first).index("Part 1.") < text(first).index("Part 2.") < text(first).index("Part 50.")
    assert ">Older<" not in first.text
    assert "Part 49." in text(everything)
    assert "Part 50." not in text(everything)
    assert "Part 50." in text(older)
    assert "Other" not in text(older)
    assert link(older, "Newest") == "/builds?q=part"


async def test_whole_workflows_are_shown_unless_something_else_is_asked_for(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    await instance.build(workflow=Workflow(name="the-workflow"))
    await instance.build(kind=EventKind.JOB_COMPLETED, job=JOB, workflow=Workflow(name="its-job"))
    await instance.build(kind=EventKind.PING, workflow=Workflow(), status=None, project=Project(), org=None)

    def seen(page: httpx.Response) -> list[str]:
        return [word for word in ("the-workflow", "its-job / unit-tests", "– ping ping") if word in text(page)]

    assert seen(await browser.get("/builds")) == ["the-workflow"]
    assert seen(await browser.get("/builds?job=unit-tests")) == ["its-job / unit-tests"]
    assert seen(await browser.get("/builds?event=job-completed")) == ["its-job / unit-tests"]
    assert seen(await browser.get("/builds?event=ping")) == ["– ping ping"]
    assert seen(await browser.get("/builds?event=any")) == ["the-workflow", "its-job / unit-tests", "– ping ping"]


async def test_the_form_keeps_what_was_put_in(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.build()

    page = await browser.get("/builds", params={"branch": ' "main" ', "event": "any", "since": "2026-11-01"})

    assert search_field(page) == 'branch:"""main""" event:any since:2026-11-01'


def search_field(page: httpx.Response) -> str:
    """What the search field of the page holds."""
    [found] = re.findall(r'<input id="q" [^>]*value="([^"]*)"', page.text)
    return unescape(str(found))


async def test_fields_left_empty_leave_the_address(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/builds?q=&project=gh%2Facme%2Fweb&branch=&since=")

    assert (answer.status_code, answer.headers["location"]) == (303, "/builds?project=gh%2Facme%2Fweb")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=someday", "'someday' is not a time; write 2026-11-22"),
        ("event=bogus", "'bogus' is not a kind of event"),
        ("cursor=bogus", "This is no cursor of Roundsman's"),
    ],
)
async def test_a_filter_that_cannot_be_is_told_in_a_sentence_above_the_kept_form(
    instance: Instance, browser: httpx.AsyncClient, query: str, sentence: str
) -> None:
    await instance.build()

    page = await browser.get(f"/builds?branch=main&{query}")

    assert page.status_code == 400
    assert sentence in text(page)
    assert search_field(page).startswith("branch:main")


async def test_a_filter_may_have_several_values_and_the_form_keeps_them(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    for status in ("failed", "error", "success"):
        await instance.build(status=status)

    page = await browser.get("/builds?status=failed&status=error&branch=main")
    twice = await browser.get("/builds?since=7d&since=8d")

    assert search_field(page) == "branch:main status:failed status:error"
    assert page.text.count('<td class="c-what"') == 2
    assert (twice.status_code, "'since' stands twice; give it once" in text(twice)) == (400, True)


async def test_a_page_by_actor_says_that_builds_may_be_missing(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.build(actor=Actor())

    page = await browser.get("/builds?actor=ada")

    assert (
        "This answer may lack builds: the actor is known only where CircleCI was asked: of 0 of the newest 1"
        in text(page)
    )


async def test_where_nothing_fits_the_page_offers_to_clear_the_filters(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    await instance.build()

    page = await browser.get("/builds?branch=nowhere")

    assert "No build fits these filters. No branch on record fits nowhere. Clear the search" in text(page)


async def test_a_filter_to_blame_is_named_with_names_near_it(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.build(branch="main")
    await instance.build(branch="a,b", status="success")

    mistyped = await browser.get("/builds?branch=mian&status=Failed")
    odd = await browser.get("/builds?branch=a,c")
    together = await browser.get("/builds?branch=main&status=success")
    found = await browser.get(link(mistyped, "<bdi>main</bdi>"))

    assert "No build fits these filters. No branch on record fits mian; near it is main." in text(mistyped)
    assert found.url.params["branch"] == "main"
    assert found.text.count('<td class="c-what"') == 1
    assert "No branch on record fits a" in text(odd)
    assert 'branch=a%5C%2Cb"' in odd.text
    assert "Each filter by itself fits some build, but no build fits all of them." in text(together)


async def test_the_form_offers_the_names_that_came_last_and_filters_one_click_away(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    await instance.build(branch="release/2*", commit=Commit(author_name="Ada Example"))

    page = await browser.get("/builds?status=failed,error&status=")
    page = await browser.get(str(page.headers["location"]))

    assert '<option value="status:failed,error branch:release/2\\*">' in page.text
    assert '<option value="status:failed,error by:&#34;Ada Example&#34;">' in page.text
    assert search_field(page) == "status:failed,error"
    assert link(page, "main") == "/builds?branch=main&status=failed%2Cerror"
    assert 'is-on" href="/builds"' in page.text
    assert 'href="/builds?branch=release%2F2%5C%2A"' in page.text
    assert page.text.count('<td class="c-what"') == 1


async def test_a_search_that_was_cut_short_says_how_far_it_looked(instance: Instance) -> None:
    instance.limits = PageLimits(scan_limits=(2,))
    for n in range(9):  # the newest two builds do not fit
        await instance.build(trigger="schedule" if n > 3 else "webhook")

    async with instance.browser() as browser:
        page = await browser.get("/builds?trigger=schedule")

    assert "Searched back to today 09:10" in text(page)
    assert "Older builds may fit too" in text(page)
    assert ">Older<" in page.text


async def test_after_a_ping_the_page_says_that_circleci_reaches_us(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    await instance.build(kind=EventKind.PING)

    page = await browser.get("/builds")

    assert "CircleCI reaches this service: the latest event is a ping, 1 minute ago" in text(page)


async def test_a_row_shows_sent_and_failed_channels(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    await instance.give_up(await instance.owe(event, "ops (telegram)"), "Telegram answered 403")
    await instance.owe(event, "web-team (mailto)")
    for label in ("a (slack)", "b (slack)", "c (slack)", "d (slack)"):
        await instance.send(await instance.owe(event, label))

    page = await browser.get("/builds")

    assert "not delivered: ops (telegram) on the way: web-team (mailto) a (slack), b (slack) and 2 more" in text(page)


async def test_a_sent_notification_stays_sent_after_a_failed_resend(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    for label in ("a (slack)", "b (slack)"):
        await instance.send(await instance.owe(event, label))
    dead, going = await instance.told(event)
    await instance.ask_again(dead)
    await instance.give_up(dead, "Slack answered 410")
    await instance.ask_again(going)

    page = await browser.get("/builds")

    assert "5 min 03 s a (slack), b (slack)" in text(page)


async def test_a_row_shows_channels_that_another_event_of_the_same_news_notified(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    first = await instance.build(workflow=Workflow(id="w1", name="the-first", status="canceled"))
    await instance.build(workflow=Workflow(id="w1", name="the-second", status="canceled"))
    await instance.send(await instance.owe(first))

    told, by_another = text(await browser.get("/builds")).split("the-second")

    assert "5 min 03 s web-team (slack)" in told
    assert "by another report" not in told
    assert "5 min 03 s web-team (slack) by another report of it" in by_another
    assert "nobody" not in told + by_another


def test_the_style_sheet_says_nothing() -> None:
    sheet = (ROOT / "service/web/pages/static/roundsman.css").read_text(encoding="utf-8")

    said = re.findall(r"(?<!-)content:\s*([^;}]*)", sheet)

    assert said
    assert not [one for one in said if re.search(r"[^\W_]|\\", one)]


# Dead letters


async def test_every_page_says_how_much_waits(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    before = (await browser.get("/builds")).text

    await instance.give_up(await instance.owe(event), "Slack answered 410")
    await instance.deliver(state=DeliveryState.DEAD)

    assert ">Dead letters</a>" in before
    for path in ("/builds", f"/builds/{event.id}", "/dead-letters"):
        assert ">Dead letters (2)</a>" in (await browser.get(path)).text


@pytest.mark.parametrize(
    ("path", "status"), [(f"/builds/{UUID(int=1)}", 404), ("/builds/x", 400), ("/builds?since=x", 400)]
)
async def test_error_page_says_how_much_waits_too(
    instance: Instance, browser: httpx.AsyncClient, path: str, status: int
) -> None:
    await instance.deliver(state=DeliveryState.DEAD)

    page = await browser.get(path, headers={"accept": "text/html"})

    assert page.status_code == status
    assert ">Dead letters (1)</a>" in page.text


async def test_error_page_is_shown_without_a_count_when_the_database_is_slow(instance: Instance) -> None:
    await instance.deliver(state=DeliveryState.DEAD)
    instance.limits = PageLimits(count_timeout_s=0)

    with logged() as talk:
        async with instance.browser() as browser:
            page = await browser.get("/builds/x", headers={"accept": "text/html"})

    assert page.status_code == 400
    assert ">Dead letters</a>" in page.text
    assert [(line["event"], line["reason"]) for line in talk.lines] == [
        ("the navigation of an error page was not read", "timeout")
    ]


async def test_every_page_says_which_release_it_is(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/builds")

    assert f"Roundsman {version('roundsman')}" in text(page)


async def test_nothing_waits_at_first(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/dead-letters")

    assert "There are no dead letters." in text(page)


async def test_a_notification_given_up_waits_with_its_reason_and_attempts(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    await instance.give_up(await instance.owe(event), "Slack answered 410: the channel is gone")

    page = await browser.get("/dead-letters")

    said = "web-team (slack) Slack answered 410: the channel is gone. acme/web main: build-and-test #1487 failed"
    assert f"{said} not delivered by route 'main is red', since today 09:12 1 attempt" in text(page)
    assert "1 attempt Attempts to tell web-team (slack) Attempt Began Outcome 1 today" in text(page)
    assert f'<a class="target" href="/builds/{event.id}"><bdi>acme/web main: build-and-test #1487 failed' in page.text
    assert "Nothing waits" not in page.text


async def test_what_one_dead_address_keeps_waiting_stands_together(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    for branch in ("main", "release/1", "release/2"):
        await instance.give_up(await instance.owe(await instance.build(branch=branch)), "Slack answered 410")
    await instance.give_up(await instance.owe(await instance.build(branch="main")), "Slack answered 404")
    await instance.give_up(await instance.owe(await instance.build(branch="main"), "ops (json)"), "Slack answered 410")

    page = await browser.get("/dead-letters")

    assert page.text.count('<article class="card">') == 3
    assert "web-team (slack): 3 messages Slack answered 410. Resend all 3 to web-team (slack)" in text(page)
    assert page.text.count("Resend all") == 1
    for branch in ("main", "release/1", "release/2"):
        assert f"acme/web {branch}: build-and-test #1487 failed" in text(page)


async def test_a_delivery_not_understood_waits_with_its_reason_and_body(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    came = await instance.deliver(state=DeliveryState.DEAD, reason="the type is not known", body=b"<what>")
    await instance.store.write(deliveries.count_failure, came.id, "the type is not known")

    page = await browser.get("/dead-letters")

    assert "workflow-completed, today 09:12 The type is not known. tried once" in text(page)
    assert f"Body, raw <what> Download it byte for byte, delivery {came.id} Replay delivery {came.id}" in text(page)


@pytest.mark.long
async def test_when_more_waits_than_a_page_shows_it_leads_to_the_rest(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    for n in range(51):
        await instance.deliver(state=DeliveryState.DEAD)
        await instance.give_up(await instance.owe(event, f"team {n}: json"), "gone")

    page = await browser.get("/dead-letters")

    assert page.text.count('<article class="card">') == 50
    assert 'href="/dead-letters?cursor=' in page.text


def link(page: httpx.Response, words: str) -> str:
    """Where the link with these words leads."""
    before = page.text[: page.text.index(f">{words}</a>")]
    return before.rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
