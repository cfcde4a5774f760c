"""Names as long as they can be: what is posted with them is judged, also where indexes take no entry of any length."""

import pytest

from service.testing.fake_circleci.payloads import Payload, job_completed, workflow_completed
from tests.support.app_fixture import RED, Instance
from tests.support.hostile_bodies import with_longest_names

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.mark.parametrize("payload", [workflow_completed(RED), job_completed(RED, RED.jobs[1])], ids=["workflow", "job"])
async def test_a_post_whose_names_are_all_as_long_as_they_can_be_is_judged(
    instance: Instance, payload: Payload
) -> None:
    event_id = await instance.post(with_longest_names(payload))
    await instance.drain()

    assert instance.rows("SELECT state, reason FROM deliveries") == [("settled", None)]
    assert (await instance.show(event_id))["status"] == "failed"
