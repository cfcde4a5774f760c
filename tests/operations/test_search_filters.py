"""The filters of events: each entry of the match keys with a search is a filter everywhere."""

import httpx
import pytest

from service.db.tables import events
from service.routing.match_keys import FACT_KEYS, MATCH_KEYS, SEARCH_FILTERS
from tests.support.app_fixture import RED, Instance
from tests.support.cli_reference import every_command

OPTIONS = {option for name, command in every_command() if name == "events list" for option in command.params}


def test_every_match_key_of_an_event_s_own_facts_is_searched_by() -> None:
    of_runs = {"transition", "streak", *FACT_KEYS, "duration", "queue", "pr"}

    assert {name for name, key in MATCH_KEYS.items() if key.search is None} == {"event", *of_runs}


@pytest.mark.parametrize("name", SEARCH_FILTERS)
def test_a_filter_names_columns_of_events(name: str) -> None:
    assert set(SEARCH_FILTERS[name].columns) <= set(events.c.keys())


@pytest.mark.parametrize("name", SEARCH_FILTERS)
def test_the_command_has_an_option_for_each_filter(name: str) -> None:
    [option] = [option for option in OPTIONS if option.name == name]

    assert option.opts == [f"--{name.replace('_', '-')}"]
    assert option.help.casefold() == f"{SEARCH_FILTERS[name].sentence}.".casefold()


async def values_of(instance: Instance) -> dict[str, str]:
    """A value of the only event on record under each filter that it has one for."""
    [event] = (await instance.http.get("/api/v1/events")).json()["items"]
    found = await instance.service.context.store.read(
        lambda transaction: transaction.execute(events.select()).mappings().one()
    )
    assert str(found["id"]) == event["id"]
    values = {
        name: next(filter(None, (found[column] for column in one.columns)), None)
        for name, one in SEARCH_FILTERS.items()
    }
    return {name: value for name, value in values.items() if value}


async def keeps(instance: Instance, name: str, value: str) -> tuple[int, int]:
    """The number of events that the API and the page keep."""
    answer = await instance.http.get("/api/v1/events", params={name: value})
    page = await instance.http.get("/builds", params={name: value, "event": "any"})
    assert (answer.status_code, page.status_code) == (200, 200)
    return len(answer.json()["items"]), page.text.count('<td class="c-what"')


@pytest.mark.long
async def test_the_api_and_the_page_take_each_filter(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    values = await values_of(instance)

    for name in SEARCH_FILTERS:
        assert await keeps(instance, name, "nothing-has-this-value") == (0, 0), name
    for name, value in values.items():
        assert await keeps(instance, name, value.upper()) == (1, 1), name
    assert {"org", "project", "branch", "workflow", "status", "trigger", "author"} <= values.keys()


async def test_the_page_tells_of_each_filter(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    page: httpx.Response = await instance.http.get("/builds")

    for name in SEARCH_FILTERS:
        assert f"<dt><code>{name}:</code></dt>" in page.text
