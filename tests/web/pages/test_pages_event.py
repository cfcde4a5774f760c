"""The page of one build: what happened, and who was told? Whatever CircleCI and people wrote into it."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from service.model import (
    Actor,
    Commit,
    DeliveryState,
    DetailKind,
    Details,
    EventKind,
    Job,
    JobReport,
    MissingDetail,
    Pipeline,
    Project,
    TestFailure,
    TestReport,
    Verdict,
    Via,
    Workflow,
)
from service.store.deliveries import deliveries
from tests.support.pages_fixture import JOB, Instance, browser, instance, text

__all__ = ["browser", "instance"]  # pytest finds fixtures by name

SILENT = (Verdict.NOT_MATCHED, "branch main is not release/*")


async def test_the_story_stands_at_the_top(instance: Instance, browser: httpx.AsyncClient) -> None:
    commit = Commit(subject="Apply vouchers", author_name="Grace Example", url="https://github.example.com/c/1")
    event = await instance.build(commit=commit)

    page = await browser.get(f"/builds/{event.id}")

    assert "<title>web main failed · Roundsman</title>" in page.text
    assert (
        "✕ acme/web main: build-and-test #1487 failed Apply vouchers Project acme/web its builds Branch main"
        in text(page)
    )
    assert "Commit 3f2c8a526d3e by Grace Example Started by Ada Example by a push, trigger webhook" in text(page)
    assert "today 09:11:03, 1 minute ago; took 5 min 03 s" in text(page)
    assert '<a href="https://app.example.com/w1" rel="noreferrer">' in page.text
    assert '<a href="https://github.example.com/c/1" rel="noreferrer">' in page.text
    assert '<a class="muted" href="/builds?project=gh%2Facme%2Fweb">' in page.text


async def test_a_trigger_without_words_of_ours_is_shown_as_routes_match_it(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build(trigger="robot", actor=Actor())

    assert "Started trigger robot" in text(await browser.get(f"/builds/{event.id}"))


async def test_unknown_facts_are_left_out(instance: Instance, browser: httpx.AsyncClient) -> None:
    bare = {"commit": Commit(), "actor": Actor(), "revision": None, "branch": None, "trigger": None}
    event = await instance.build(
        **bare, project=Project(), workflow=Workflow(), pipeline=Pipeline(), status=None, duration_ms=None
    )

    page = await browser.get(f"/builds/{event.id}")

    assert "– no project: a workflow ended Project no project When today 09:11:03, 1 minute ago" in text(page)


async def test_a_job_and_a_tag_are_named(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build(kind=EventKind.JOB_COMPLETED, job=JOB, branch=None, tag="v2.14.0")

    page, line = await browser.get(f"/builds/{event.id}"), await browser.get("/builds?tag=v2.14.0&event=any")

    assert "Tag v2.14.0" in text(page)
    assert "Job unit-tests number 5921" in text(page)
    assert "tag v2.14.0" in text(line)
    assert '<a class="word" href="/builds?tag=v2.14.0">' in page.text
    assert '<a class="word" href="/builds?tag=v2.14.0">' in line.text


async def test_a_ping_is_called_one(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build(kind=EventKind.PING)

    page = await browser.get(f"/builds/{event.id}")

    assert "A ping: CircleCI tried whether it reaches us" in text(page)


async def test_every_route_says_why_and_earlier_rounds_are_folded(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    await instance.judge(event, (Verdict.MATCHED, "branch main matches main"), SILENT)
    await instance.judge(event, (Verdict.ALREADY_TOLD, "web-team (slack) already hears of this"), judged=2)

    page = await browser.get(f"/builds/{event.id}")

    newest, _, folded = text(page).partition("Round 1, judged")
    assert "Round 2, judged today 09:12 already told route 1 for web-team" in newest
    assert "matched route 1 for web-team branch main matches main" in folded
    assert "not matched route 2 for web-team branch main is not release/*" in folded


@pytest.mark.long
@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (DeliveryState.SETTLED, "There was no route to judge it by"),
        (DeliveryState.KEPT, "It has not been judged yet"),
        (DeliveryState.DEAD, "It was never judged: the disk was full"),
    ],
)
async def test_without_any_decision_the_page_says_why_there_is_none(
    instance: Instance, browser: httpx.AsyncClient, state: DeliveryState, sentence: str
) -> None:
    event = await instance.build()
    if state is DeliveryState.KEPT:
        await instance.store.write(deliveries.mark_kept, event.id)
    if state is DeliveryState.DEAD:
        await instance.store.write(deliveries.mark_kept, event.id)
        await instance.store.write(deliveries.mark_dead, event.id, "the disk was full")

    page = await browser.get(f"/builds/{event.id}")

    assert sentence in text(page)


async def test_each_attempt_is_told_with_its_outcome(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    sent = await instance.owe(event, "web-team (slack)")
    await instance.put_off(sent, "Slack answered 503")
    await instance.send(sent)
    await instance.put_off(await instance.owe(event, "put off (mailto)"), "the mail server hung up")
    await instance.give_up(await instance.owe(event, "dead (json)"), "it answered 410")
    await instance.try_to_send(await instance.owe(event, "going (json)"))
    await instance.owe(event, "waiting (json)")

    page = text(await browser.get(f"/builds/{event.id}"))

    assert "web-team (slack) told today 09:12 Resend to web-team (slack) by route 'main is red'" in page
    assert "1 today 09:12:03 put off: Slack answered 503 2 today 09:12:03 sent: Slack answered 200" in page
    assert "Message sent acme/web main: failed build failed" in page
    assert "put off (mailto) put off, next attempt today 09:14" in page
    assert "dead (json) not delivered" in page
    assert "going (json) being sent now by route" in page
    assert "waiting (json) to be sent Resend to waiting (json) by route 'main is red' No attempt yet." in page


async def test_news_that_another_report_brought_is_linked_to_it(instance: Instance, browser: httpx.AsyncClient) -> None:
    first = await instance.build(workflow=Workflow(id="w1", name="build"))
    again = await instance.build(workflow=Workflow(id="w1", name="build"))
    await instance.owe(first)

    page = await browser.get(f"/builds/{again.id}")

    assert f'<a href="/builds/{first.id}">another report of the same news</a>' in page.text


async def test_what_circleci_told_us_is_shown_and_what_it_would_not(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    failures = tuple(TestFailure(name=f"test_{n}.", file="test_a.py", message=f"assert {n}") for n in range(500))
    report = TestReport(failures=failures, counts={"failure": 500, "success": 7}, is_complete=False)
    jobs = (
        JobReport(name="lint", status="success", url="https://app.example.com/j", duration_ms=48_000),
        JobReport(name="unit-tests", status="failed", messages=("Exited with 1",), tests=report),
        JobReport(name="e2e", status="failed", tests=TestReport()),
    )
    missing = (
        MissingDetail(want=DetailKind.ACTOR, reason="CircleCI answered 404", is_final=True),
        MissingDetail(want=DetailKind.VCS, reason="CircleCI answered 503", is_final=False),
    )
    await instance.learn(event, Details(jobs=jobs, missing=missing, rounds=2, asked_at=instance.now))

    page = await browser.get(f"/builds/{event.id}")

    before, _, folded = text(page).partition("490 more failures")
    assert "✕ failed unit-tests Exited with 1 ✕ failed e2e Other jobs Status Job Took ✓ success lint 48 s" in folded
    assert "500 failures, 7 passed; there are more than we read" in before
    assert "test_9. in test_a.py assert 9" in before
    assert "test_10." in folded
    assert "actor missing: CircleCI answered 404 vcs missing: CircleCI answered 503 (to be asked again)" in folded
    assert "Asked twice, last today 09:12" in folded
    assert '<a class="target" href="https://app.example.com/j" rel="noreferrer">' in page.text


@pytest.mark.long
@pytest.mark.parametrize(
    ("named", "is_complete", "sentence"),
    [
        (3, True, "and 997 failures more, of which only the number is on record"),
        (3, False, "and at least 997 failures more, of which only the number is on record"),
        (0, True, "1000 failures, of which only the number is on record"),
        (1_000, True, None),
    ],
)
async def test_failed_tests_that_are_not_on_record_are_counted(
    instance: Instance, browser: httpx.AsyncClient, named: int, is_complete: bool, sentence: str | None
) -> None:
    event = await instance.build()
    failures = tuple(TestFailure(name=f"test_{n}") for n in range(named))
    report = TestReport(failures=failures, counts={"failure": 1_000}, is_complete=is_complete)
    await instance.learn(event, Details(jobs=(JobReport(name="unit", status="failed", tests=report),)))

    page = text(await browser.get(f"/builds/{event.id}"))

    assert (sentence or "test_999") in page
    assert ("only the number is on record" in page) == (sentence is not None)


async def test_details_without_a_time_say_nothing_of_one(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    await instance.learn(event, Details())

    assert "Asked" not in text(await browser.get(f"/builds/{event.id}"))


async def test_what_came_is_shown_and_can_be_had_byte_for_byte(instance: Instance, browser: httpx.AsyncClient) -> None:
    body = b'{"b":"\xff<b>","a":[1]}'
    came = await instance.deliver(state=DeliveryState.DEAD, body=body)

    page, download = await browser.get(f"/builds/{came.id}"), await browser.get(f"/deliveries/{came.id}/body")

    assert "Signature valid, secret 1 (fingerprint 5f2ac01e )" in text(page)
    assert "Headers circleci-event-type workflow-completed" in text(page)
    assert "{&#34;b&#34;:&#34;\\xff&lt;b&gt;&#34;,&#34;a&#34;:[1]}" in page.text
    assert download.content == body
    assert download.headers["content-disposition"] == f'attachment; filename="{came.id}.json"'
    assert download.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"type":"ping"}', 'formatted">{\n  &#34;type&#34;: &#34;ping&#34;\n}</pre>'),
        (b"no json", 'formatted">no json</pre>'),
        (b"[" * 9_999, f'formatted">{"[" * 9_999}</pre>'),
        (b"x" * 20_001, f'formatted">{"x" * 20_000} …</pre>'),
    ],
)
async def test_a_body_is_laid_out_to_be_read_as_far_as_that_goes(
    instance: Instance, browser: httpx.AsyncClient, body: bytes, shown: str
) -> None:
    came = await instance.deliver(state=DeliveryState.DEAD, body=body)

    assert shown in (await browser.get(f"/builds/{came.id}")).text


async def test_a_delivery_that_we_asked_for_and_that_was_repeated_says_so(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    came = await instance.deliver(via=Via.RECONCILE, signed=None, headers=(), source_event_id="e1")
    for _ in range(2):
        await instance.deliver(source_event_id="e1")
    await instance.store.write(deliveries.count_failure, came.id, "nobody foresaw this")

    page = text(await browser.get(f"/builds/{came.id}"))

    assert "09:12:03, posted 3 times Via CircleCI API: no webhook arrived" in page
    assert "Signature none: it came from the API" in page
    assert "Judging failed once" in page
    assert "Headers" not in page


async def test_a_delivery_not_judged_yet_has_a_page_too(instance: Instance, browser: httpx.AsyncClient) -> None:
    came = await instance.deliver()

    page = await browser.get(f"/builds/{came.id}")

    assert page.status_code == 200
    assert "– not judged yet This usually takes less than a second." in text(page)


async def test_a_name_of_which_nothing_can_be_seen_is_a_mark(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build(
        branch="\x1b[31m", workflow=Workflow(id="w1", name="\x1b]0;title\x07", status="failed")
    )

    line, page = await browser.get("/builds"), await browser.get(f"/builds/{event.id}")

    assert '"><bdi>\N{REPLACEMENT CHARACTER}</bdi></a>' in line.text
    assert ": \N{REPLACEMENT CHARACTER} #1487 failed" in text(page)
    assert "Branch \N{REPLACEMENT CHARACTER}" in text(page)


async def test_a_page_reloads_itself_until_it_is_settled_or_told_to_stand_still(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    waiting, event = await instance.deliver(), await instance.build()
    notification = await instance.owe(event)

    unjudged, pending = await browser.get(f"/builds/{waiting.id}"), await browser.get(f"/builds/{event.id}")
    stopped = await browser.get(f"/builds/{event.id}?still=1")
    await instance.put_off(notification, "Slack answered 503")  # for two minutes
    put_off = await browser.get(f"/builds/{event.id}")
    instance.now += timedelta(minutes=3)
    due = await browser.get(f"/builds/{event.id}")
    await instance.send(notification)
    sent = await browser.get(f"/builds/{event.id}")

    reload = '<noscript><meta http-equiv="refresh" content="3"></noscript>'  # its script knows better when
    assert [reload in page.text for page in (unjudged, pending, due)] == [True, True, True]
    assert ["refresh" in page.text for page in (stopped, put_off, sent)] == [False, False, False]
    assert ["data-version" in page.text for page in (due, stopped)] == [True, False]
    assert "this page reloads itself every few seconds until it is done. Stop reloading" in text(due)
    assert "in progress, and this page does not reload itself. Reload by itself" in text(stopped)
    assert "reloads itself" not in text(stopped) + text(put_off) + text(sent)


async def test_a_delivery_not_understood_says_why(instance: Instance, browser: httpx.AsyncClient) -> None:
    came = await instance.deliver(state=DeliveryState.DEAD, reason="type approval-requested is not known")

    page = text(await browser.get(f"/builds/{came.id}"))

    assert "✕ not understood type approval-requested is not known It is stored unchanged" in page


async def test_the_beginning_of_an_id_leads_to_the_page(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()

    short = await browser.get(f"/builds/{str(event.id)[:8]}", follow_redirects=False)

    assert (short.status_code, short.headers["location"]) == (303, f"/builds/{event.id}")


async def test_the_beginning_of_no_id_is_a_page_with_a_sentence(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/builds/ffffffff")

    assert page.status_code == 404
    assert "there is no event ffffffff" in text(page).lower()


@pytest.mark.parametrize(
    ("path", "status", "heading"),
    [
        (f"/builds/{UUID(int=1)}", 404, "There is no such page There is no build"),
        ("/builds/what", 400, "This cannot be answered as it was asked 'what' is not an id"),
    ],
)
async def test_what_is_not_there_is_a_page_with_a_sentence(
    browser: httpx.AsyncClient, path: str, status: int, heading: str
) -> None:
    page = await browser.get(path)

    assert page.status_code == status
    assert text(page).startswith(heading)


async def test_text_from_outside_is_shown_and_never_acted_on(instance: Instance, browser: httpx.AsyncClient) -> None:
    evil = "<script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}"
    event = await instance.build(
        commit=Commit(subject=evil, author_name=evil, url="javascript:alert(1)"),
        workflow=Workflow(id="w1", name=evil, url="javascript:alert(1)"),
        project=Project(slug=evil, name=evil),
        actor=Actor(name=evil),
        job=Job(name=evil),
        **dict.fromkeys(("org", "branch", "status", "trigger", "revision"), evil),
    )
    failure = TestFailure(name=evil, file=evil, message=evil)
    report = TestReport(failures=(failure,), counts={evil: 1})
    job = JobReport(name=evil, status=evil, url="javascript:alert(1)", messages=(evil,), tests=report)
    await instance.learn(
        event, Details(jobs=(job,), missing=(MissingDetail(want=DetailKind.VCS, reason=evil, is_final=True),))
    )
    await instance.judge(event, (Verdict.NOT_MATCHED, evil))
    await instance.put_off(await instance.owe(event, evil), evil)

    pages = [
        await browser.get(path)
        for path in (f"/builds/{event.id}", "/builds?event=any", "/builds?event=any&tag=" + evil)
    ]

    for page in pages:
        assert page.text.count("<script") == 1  # ours
        assert 'href="javascript' not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


async def test_endless_words_are_cut_where_a_line_must_hold_them(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build(commit=Commit(subject="s" * 5000), branch="b" * 300)

    line, page = await browser.get("/builds"), await browser.get(f"/builds/{event.id}")

    assert "s" * 97 + "... " in text(line)
    assert "s" * 98 not in line.text
    assert "b" * 300 in text(page)
