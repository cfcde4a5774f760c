"""What pages say of a notification: told once is told for good, whatever comes of sending it again."""

import httpx

from service.model import DeliveryState
from service.store.deliveries import deliveries
from tests.support.pages_fixture import Instance, browser, instance, text

__all__ = ["browser", "instance"]  # pytest finds fixtures by name

NINE = "today 09:12"


async def test_who_was_told_and_then_told_again_has_both_times(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    notification = await instance.owe(event)
    await instance.send(notification)
    await instance.ask_again(notification)
    await instance.send(notification)

    page = text(await browser.get(f"/builds/{event.id}"))

    assert f"web-team (slack) told {NINE} told again today 09:13 Resend" in page


async def test_a_resend_that_failed_leaves_the_first_telling_as_it_was(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    notification = await instance.owe(event)
    await instance.send(notification)
    await instance.ask_again(notification)
    await instance.give_up(notification, "Slack answered 410: the channel is gone")

    page, waiting = text(await browser.get(f"/builds/{event.id}")), text(await browser.get("/dead-letters"))

    said = f"web-team (slack) told {NINE} a resend was not delivered Resend to web-team (slack) Slack answered 410"
    assert said in page
    assert f"acme/web main: build-and-test #1487 failed told {NINE} a resend was not delivered" in waiting


async def test_a_resend_on_its_way_says_how_far_it_is(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    asked, going, put_off = [await instance.owe(event, f"{label} (json)") for label in ("asked", "going", "put off")]
    for notification in (asked, going, put_off):
        await instance.send(notification)
        await instance.ask_again(notification)
    await instance.try_to_send(going)
    await instance.put_off(put_off, "it answered 503")

    page = text(await browser.get(f"/builds/{event.id}"))

    assert f"asked (json) told {NINE} a resend is to be sent Resend" in page
    assert "going (json) told today 09:13 a resend is being sent now by route" in page
    assert "put off (json) told today 09:14 a resend was put off, next attempt today 09:17" in page


async def test_attempts_of_a_resend_differ_from_our_own_retries(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    notification = await instance.owe(event)
    await instance.put_off(notification, "Slack answered 503")
    await instance.give_up(notification, "Slack answered 410")
    await instance.ask_again(notification)
    await instance.put_off(notification, "Slack answered 503")
    await instance.send(notification)

    page = await browser.get(f"/builds/{event.id}")

    asked_for = "3 today 09:13:03 put off: Slack answered 503 a resend, asked for by command line, ada 4"
    assert page.text.count('<tr class="resent">') == 1
    assert asked_for in text(page)
    assert "sent: Slack answered 200 Message sent" in text(page)
    assert "today 09:13 resend of web-team (slack) by command line, ada" in text(page)


async def test_every_wording_is_shown_with_its_time(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    notification = await instance.owe(event)
    await instance.send(notification)
    for title in ("acme/web main: failed", "acme/web main: failed, 2 tests", "acme/web main: failed, 3 tests"):
        await instance.ask_again(notification)
        await instance.send(notification, title=title)

    page = text(await browser.get(f"/builds/{event.id}"))

    assert f"Message sent first, {NINE} acme/web main: failed build failed" in page
    assert "Message sent then, today 09:14 acme/web main: failed, 2 tests build failed" in page
    assert "Message sent last, today 09:15 acme/web main: failed, 3 tests build failed" in page
    assert page.count("Message sent") == 3


async def test_what_was_said_once_is_shown_once(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    notification = await instance.owe(event)
    await instance.send(notification)
    await instance.ask_again(notification)
    await instance.send(notification)

    page = text(await browser.get(f"/builds/{event.id}"))

    assert page.count("Message sent acme/web main: failed build failed") == 1
    assert page.count("Message sent") == 1


async def test_each_kind_of_dead_letter_can_be_dismissed_where_it_is_shown(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    notification = await instance.owe(event)
    await instance.give_up(notification, "gone")
    came = await instance.deliver(state=DeliveryState.DEAD)

    waiting = (await browser.get("/dead-letters")).text
    pages = [(await browser.get(f"/builds/{one}")).text for one in (event.id, came.id)]

    for address, page in zip((f"notifications/{notification.id}", f"deliveries/{came.id}"), pages, strict=True):
        form = f'<form method="post" action="/{address}/dismiss">'
        assert (waiting.count(form), page.count(form)) == (1, 1)


async def test_an_event_whose_delivery_was_dismissed_says_why_it_was_never_judged(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    await instance.store.write(deliveries.mark_kept, event.id)
    await instance.store.write(deliveries.mark_dead, event.id, "the disk was full")
    await instance.store.write(deliveries.dismiss, event.id)

    page = text(await browser.get(f"/builds/{event.id}"))

    assert "It was never judged: the disk was full" in page
    assert "State dismissed: the disk was full" in page
