"""Finding what somebody means by an id, or by the beginning of one."""

from uuid import UUID

import pytest

from service.errors import BadRequest, NotFound
from service.model import Delivery, Via
from service.operations import ids
from service.operations.ids import Noun
from service.store.deliveries import deliveries
from tests.support.app_fixture import NINE, Instance

ONE = UUID("3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e")
BOTH = (Noun.DELIVERY, Noun.NOTIFICATION)
OTHER = UUID("3f2c8a52-ffff-4b7e-9a57-0f6a1c2b3d4e")


@pytest.fixture
async def two(instance: Instance) -> Instance:
    """An instance with two deliveries whose ids begin alike."""
    came = [
        Delivery(
            id=one,
            source="circleci",
            source_event_id=str(one),
            via=Via.WEBHOOK,
            received_at=NINE,
            headers=(),
            body=b"{}",
            signed=None,
        )
        for one in (ONE, OTHER)
    ]
    await instance.service.context.store.write(deliveries.keep_many, came)
    return instance


@pytest.mark.parametrize("text", [str(ONE), ONE.hex, "3f2c8a52-6", "3f2c8a526", " 3F2C8A52-6D3E "])
async def test_an_id_is_found_by_as_much_of_it_as_tells_it_from_others(two: Instance, text: str) -> None:
    assert await ids.find(two.service.context.store, text, *BOTH) == (Noun.DELIVERY, ONE)


async def test_a_beginning_of_two_is_neither(two: Instance) -> None:
    with pytest.raises(BadRequest, match="3f2c8a52 is the beginning of more than one id; write more of it"):
        await ids.find(two.service.context.store, "3f2c8a52", Noun.DELIVERY)


@pytest.mark.parametrize("text", ["", "3f2c8a5", "the-last-one", ONE.hex + "0"])
async def test_short_or_invalid_id_is_refused(two: Instance, text: str) -> None:
    with pytest.raises(BadRequest, match=r"is not an id; ids look like 3f2c8a52-.* the first 8 digits are enough"):
        await ids.find(two.service.context.store, text, Noun.DELIVERY)


async def test_unknown_id_is_reported_with_the_kinds_searched(two: Instance) -> None:
    with pytest.raises(NotFound, match="there is no notification ffffffff; ids are in `roundsman notifications list`"):
        await ids.find(two.service.context.store, "ffffffff", Noun.NOTIFICATION)
    with pytest.raises(NotFound, match="there is no delivery or notification ffffffff; ids are in `roundsman dead-l"):
        await ids.find(two.service.context.store, "ffffffff", *BOTH)
    with pytest.raises(NotFound, match=f"there is no incident {ONE}; it is of `roundsman events list`: event {ONE}"):
        await ids.find(two.service.context.store, str(ONE), Noun.INCIDENT)
