"""What a person decides by hand: replay, resend, dismiss; and what stays on record of it."""

import asyncio
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from service.errors import Permanent
from service.testing.fake_circleci.faults import broken
from tests.support.app_fixture import RED, Instance
from tests.support.cli_runner import Terminal

GONE = Permanent("the channel is gone")


async def told_red(instance: Instance) -> tuple[str, Any]:
    """A red workflow that was judged and tried to be told: its id, and the notification."""
    delivery = await instance.finish(RED)
    await instance.drain()
    [notification] = (await instance.show(delivery))["notifications"]
    return delivery, notification


async def only(instance: Instance, delivery: str) -> Any:
    [notification] = (await instance.show(delivery))["notifications"]
    return notification


# Replay


async def test_resend_right_after_a_replay_still_names_missing_details(instance: Instance) -> None:
    instance.pretend.faults.next("/workflow/*/job", broken(403))
    delivery, notification = await told_red(instance)

    await instance.act(f"deliveries/{delivery}/replay")
    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.work("send", notification["id"])

    _, message = instance.channels.took[-1]
    assert "could not be read: CircleCI answered 403" in message.text


@pytest.mark.long
async def test_missing_details_are_requested_again_on_replay(instance: Instance) -> None:
    instance.pretend.faults.next("/workflow/*/job", broken(403))
    delivery, _ = await told_red(instance)

    await instance.act(f"deliveries/{delivery}/replay")
    await instance.drain()

    details = (await instance.show(delivery))["details"]
    assert (details["missing"], details["jobs"] is None) == ([], False)


# Resend


@pytest.mark.long
async def test_sent_notification_stays_told_after_a_failed_resend(instance: Instance) -> None:
    delivery, notification = await told_red(instance)
    instance.channels.plan["web (json)"] = [GONE]

    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.drain(hours=1)

    again = await only(instance, delivery)
    assert (again["state"], again["reason"]) == ("dead", "the channel is gone")
    assert again["sent_at"] == notification["sent_at"] == "2026-03-02T09:30:00.000Z"


@pytest.mark.long
@pytest.mark.parametrize("is_dismissed", [False, True])
async def test_replay_says_that_an_undelivered_notification_needs_a_resend(
    instance: Instance, is_dismissed: bool
) -> None:
    instance.channels.plan["web (json)"] = [Permanent("web (json) answered 404")]
    delivery = await instance.finish(RED)
    await instance.drain()
    if is_dismissed:
        await instance.act(f"notifications/{(await only(instance, delivery))['id']}/dismiss")
    await instance.act(f"deliveries/{delivery}/replay")
    await instance.drain()

    latest = (await instance.show(delivery))["decisions"][0]
    assert (latest["round"], latest["verdict"]) == (2, "matched")
    assert latest["reason"] == (
        "status failed matches failed; "
        "web (json) was to hear of this, but it could not be sent (web (json) answered 404): resend it"
    )
    assert instance.channels.told == []


@pytest.mark.long
async def test_replay_names_told_receivers_after_a_failed_resend(instance: Instance) -> None:
    delivery, notification = await told_red(instance)
    instance.channels.plan["web (json)"] = [Permanent("web (json) answered 404")]
    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.drain()
    await instance.act(f"deliveries/{delivery}/replay")
    await instance.drain()

    latest = (await instance.show(delivery))["decisions"][0]
    assert latest["verdict"] == "already_told"
    assert latest["reason"] == "status failed matches failed; web (json) already hears of this, by route 'red'"


@pytest.mark.long
async def test_the_time_of_telling_is_that_of_the_first_message(instance: Instance) -> None:
    delivery, notification = await told_red(instance)

    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.drain(hours=1)

    again = await only(instance, delivery)
    assert again["sent_at"] == notification["sent_at"]
    assert [attempt["outcome"] for attempt in again["attempts"]] == ["sent", "sent"]


async def test_final_state_has_no_next_attempt(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [GONE]
    _, dead = await told_red(instance)

    assert dead["next_attempt_at"] is None


# Dismiss


@pytest.mark.long
async def test_dismissed_notification_is_closed_with_operator_and_reason(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [GONE]
    delivery, notification = await told_red(instance)

    response = await instance.http.post(f"/api/v1/notifications/{notification['id']}/dismiss?because=told+by+phone")

    assert (response.status_code, response.json()) == (200, {"notification": notification["id"], "dismiss": "done"})
    assert await instance.dead_letters() == {"deliveries": [], "notifications": [], "next": None}
    shown = await instance.show(delivery)
    [action], [dismissed] = shown["actions"], shown["notifications"]
    assert (action["verb"], action["who"], action["reason"]) == ("dismiss", "api token of admin", "told by phone")
    assert (dismissed["state"], dismissed["reason"]) == ("dismissed", "the channel is gone")


async def test_a_dismissed_delivery_waits_no_longer_and_keeps_its_reason(instance: Instance) -> None:
    delivery = (await instance.send(b'{"type": "new"}')).json()["delivery"]
    await instance.drain()
    [dead] = (await instance.dead_letters())["deliveries"]

    response = await instance.http.post(f"/api/v1/deliveries/{delivery}/dismiss")

    assert (response.status_code, response.json()) == (200, {"delivery": delivery, "dismiss": "done"})
    assert await instance.dead_letters() == {"deliveries": [], "notifications": [], "next": None}
    assert instance.rows("SELECT state, reason FROM deliveries") == [("dismissed", dead["reason"])]
    assert instance.rows("SELECT verb, reason FROM actions") == [("dismiss", None)]
    answer = await instance.http.get(f"/api/v1/events/{delivery}")
    assert (
        answer.json()["error"]
        == f"delivery {delivery} has no event: it was not understood ({dead['reason']}), and dismissed"
    )


@pytest.mark.long
async def test_dismissed_dead_letter_can_be_replayed_or_resent(instance: Instance) -> None:
    unread = (await instance.send(b'{"type": "new"}')).json()["delivery"]
    instance.channels.plan["web (json)"] = [GONE]
    delivery, notification = await told_red(instance)
    await instance.act(f"deliveries/{unread}/dismiss")
    await instance.act(f"notifications/{notification['id']}/dismiss")

    await instance.act(f"deliveries/{unread}/replay")
    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.drain()

    assert [dead["id"] for dead in (await instance.dead_letters())["deliveries"]] == [unread]
    assert (await only(instance, delivery))["state"] == "sent"


async def test_only_a_dead_letter_can_be_dismissed(instance: Instance) -> None:
    delivery, notification = await told_red(instance)

    for path, sentence in (
        (f"deliveries/{delivery}", f"delivery {delivery} is settled"),
        (f"notifications/{notification['id']}", f"notification {notification['id']} is sent"),
    ):
        response = await instance.http.post(f"/api/v1/{path}/dismiss")

        assert response.status_code == 409
        assert response.json() == {"error": f"{sentence}: only a dead letter can be dismissed"}
    assert instance.rows("SELECT * FROM actions") == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("because=" + "x" * 501, "a reason may have 500 characters, and this one has 501; shorten it"),
        ("reason=x", "'reason' means nothing here; a reason is given as because=..."),
        ("because=a&because=b", "'because' stands twice; give it once"),
    ],
)
async def test_a_reason_that_cannot_be_recorded_dismisses_nothing(
    instance: Instance, query: str, sentence: str
) -> None:
    delivery = (await instance.send(b'{"type": "new"}')).json()["delivery"]
    await instance.drain()

    response = await instance.http.post(f"/api/v1/deliveries/{delivery}/dismiss?{query}")

    assert (response.status_code, response.json()) == (400, {"error": sentence})
    assert len((await instance.dead_letters())["deliveries"]) == 1


# While it is under way


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize("verb", ["resend", "dismiss"])
async def test_notification_being_sent_is_neither_resent_nor_dismissed(instance: Instance, verb: str) -> None:
    """The end of the attempt under way would be written over it, and it would never be done."""
    refused: list[httpx.Response] = []

    async def press() -> None:
        [(notification_id,)] = instance.rows("SELECT id FROM notifications")
        refused.append(await instance.http.post(f"/api/v1/notifications/{UUID(notification_id)}/{verb}"))

    instance.channels.plan["web (json)"] = [press]
    delivery = await instance.finish(RED)
    await instance.drain()

    [notification] = (await instance.show(delivery))["notifications"]
    assert [answer.status_code for answer in refused] == [409]
    assert notification["id"] in refused[0].json()["error"]
    assert re.search("is (being sent|sending): ", refused[0].json()["error"])
    assert (notification["state"], (await instance.show(delivery))["actions"]) == ("sent", [])


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_delivery_is_replayed_only_after_its_judgment(instance: Instance) -> None:
    delivery = await instance.finish(RED)

    early = await instance.http.post(f"/api/v1/deliveries/{delivery}/replay")
    await instance.drain()
    late = await instance.http.post(f"/api/v1/deliveries/{delivery}/replay")
    again = await instance.http.post(f"/api/v1/deliveries/{delivery}/replay")
    await instance.drain()

    shown = await instance.show(delivery)
    assert [answer.status_code for answer in (early, late, again)] == [409, 202, 409]
    assert early.json() == {"error": f"delivery {delivery} is being judged: replay it once that is done"}
    assert [action["verb"] for action in shown["actions"]] == ["replay"]
    assert max(decision["round"] for decision in shown["decisions"]) == 2


async def test_a_command_that_comes_too_early_is_told_so(instance: Instance, terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_DATABASE_URL=instance.database.url)
    delivery, notification = await told_red(instance)
    instance.change("UPDATE notifications SET state = 'sending'")
    instance.change("UPDATE deliveries SET state = 'kept'")

    resent = await asyncio.to_thread(terminal.run, "resend", notification["id"])
    replayed = await asyncio.to_thread(terminal.run, "replay", delivery)

    assert (resent.code, replayed.code) == (1, 1)
    assert resent.err.startswith(f"notification {notification['id']} is being sent: ")
    assert replayed.err.startswith(f"delivery {delivery} is being judged: ")
