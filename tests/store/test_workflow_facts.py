"""Facts of workflows and pull requests are kept with their event."""

from dataclasses import replace

import pytest

from service.model import PullRequest
from service.store.events import events
from tests.support.app_fixture import Instance
from tests.support.example_events import FAILED

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def test_facts_of_a_workflow_and_a_pull_request_come_back_as_they_were_put(instance: Instance) -> None:
    known = replace(
        FAILED,
        workflow=replace(FAILED.workflow, auto_rerun_number=1, max_auto_reruns=3, is_setup=True),
        pull_request=PullRequest(number=2**40, url="https://github.com/acme/web/pull/7"),
    )
    store = instance.service.context.store
    await store.write(events.put, FAILED)
    assert await store.read(events.find, FAILED.id) == FAILED

    await store.write(events.put, known)

    assert await store.read(events.find, FAILED.id) == known
