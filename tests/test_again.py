"""What a person decides by hand, and what stays on record of it."""

from typing import Any

from service.demo.faults import broken
from tests.house import RED, House


async def told_red(house: House) -> tuple[str, Any]:
    """A red workflow that was judged and tried to be told: its id, and the notification."""
    delivery = await house.finish(RED)
    await house.drain()
    [notification] = (await house.show(delivery))["notifications"]
    return delivery, notification


# Replay


async def test_a_resend_right_after_a_replay_still_says_what_is_missing(house: House) -> None:
    house.pretend.faults.next("/workflow/*/job", broken(403))
    delivery, notification = await told_red(house)

    await house.act(f"deliveries/{delivery}/replay")
    await house.act(f"notifications/{notification['id']}/resend")
    await house.work("send", notification["id"])

    _, message = house.channels.took[-1]
    assert "could not be read: CircleCI answered 403" in message.text


async def test_what_was_missing_is_asked_again_on_replay(house: House) -> None:
    house.pretend.faults.next("/workflow/*/job", broken(403))
    delivery, _ = await told_red(house)

    await house.act(f"deliveries/{delivery}/replay")
    await house.drain()

    details = (await house.show(delivery))["details"]
    assert (details["missing"], details["jobs"] is None) == ([], False)
