"""The summary of the day: each thing it was to show, read back and checked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text

from service.demo.day import DIGEST_AT
from service.terminal import Column, print_line, print_table
from service.testing import day_runs, sample_runs
from service.testing.fake_circleci.organization import Run
from service.testing.inbox import Card

MISSING = "MISSING: "
PAGE_SIZE = 200
COLUMNS = (
    Column(heading="shown", style=lambda _: "bold"),
    Column(heading="read back", can_wrap=True, style=lambda words: "red" if words.startswith(MISSING) else ""),
)


class NotShownError(Exception):
    """Something that the day was to show is not there; its text says what."""


@dataclass(frozen=True, kw_only=True)
class Readback:
    """The places to read back from.

    api       Roundsman's API
    cards     the inbox
    explain   returns the output of `roundsman explain` for an event's id
    """

    api: httpx.AsyncClient
    cards: Sequence[Card]
    explain: Callable[[str], Awaitable[str]]

    async def get(self, path: str, **query: str) -> Any:
        """Return an answer of the API. Raises NotShownError unless it is a success."""
        answer = await self.api.get(f"/api/v1/{path}", params=query)
        require(answer.is_success, f"the API answered {answer.status_code} for {path}")
        return answer.json()

    async def events_of(self, run: Run) -> list[Any]:
        """Return the events of a run's workflow, newest first."""
        page = await self.get("events", workflow=run.workflow, event="workflow-completed", limit=str(PAGE_SIZE))
        return [event for event in page["items"] if event["workflow"]["id"] == run.workflow_id]

    async def event_of(self, run: Run) -> Any:
        """Return all on record about a run's one event."""
        found = await self.events_of(run)
        require(bool(found), f"no event of {run.project.name} pipeline {run.number}")
        return await self.get(f"events/{found[0]['id']}")

    def card(self, team: str, title: str) -> Card:
        """Return the one card of a team whose title begins so."""
        found = [card for card in self.cards if card.team == team and card.title.startswith(title)]
        require(len(found) == 1, f"{len(found)} messages '{title}' in the inbox of {team}, and it should be 1")
        return found[0]


def require(holds: bool, otherwise: str) -> None:
    """Raise NotShownError with the words unless it holds."""
    if not holds:
        raise NotShownError(otherwise)


Check = Callable[[Readback, date], Awaitable[str]]


async def show_all(readback: Readback, day: date) -> list[tuple[str, str]]:
    """Return the name of each thing with what was read back, or what is missing."""
    return [(name, await _words(check, readback, day)) for name, check in CHECKS.items()]


async def _words(check: Check, readback: Readback, day: date) -> str:
    try:
        return await check(readback, day)
    except (NotShownError, httpx.HTTPError, LookupError, TypeError) as error:
        return f"{MISSING}{error}"


def print_shown(console: Console, shown: Sequence[tuple[str, str]]) -> bool:
    """Print the list; return whether nothing is missing."""
    print_table(console, COLUMNS, shown)
    missing = [name for name, words in shown if words.startswith(MISSING)]
    verdict = f"missing: {', '.join(missing)}" if missing else "The day showed all that it was to show."
    print_line(console, Text(verdict, style="bold red" if missing else "bold green"))
    return not missing


async def broke(readback: Readback, day: date) -> str:
    """Check the message of the break: failing tests, suspects, compare link."""
    card = readback.card("web-team", "acme/web main broke: 3 tests fail in unit-tests")
    tests = [test.name for test in sample_runs.VOUCHERS if test.name in card.text]
    require(len(tests) == len(sample_runs.VOUCHERS), f"only {len(tests)} of 3 failing tests are in the message")
    for words in (
        "Green for 3 days before",
        "usually ",
        "Changed since the last green run by Ada Example",
        "/acme/web/compare/",
    ):
        require(words in card.text, f"'{words}' is not in the message")
    return (
        "web main, told to web-team: 3 failing tests, 1 suspect (Ada Example) with a compare link, "
        "green for 3 days before, its usual duration"
    )


async def taken(readback: Readback, day: date) -> str:
    """Check that the incident is on record as taken."""
    event = await readback.event_of(sample_runs.web_main_red(day))
    incident = await readback.get(f"incidents/{event['incident']}")
    by = (incident["taken"] or {}).get("by")
    require(by == "Linh Example", f"the incident is taken by {by}, and not by Linh Example")
    acts = [action["verb"] for action in incident["actions"]]
    require(acts == ["take"], f"the acts on record are {acts}")
    return f"by {by} at {incident['taken']['at'][11:16]} UTC, on record at incident {incident['id'][:8]}"


async def still_red(readback: Readback, day: date) -> str:
    """Check that a red after a red was told to no channel, and why."""
    event = await readback.event_of(day_runs.web_main_still_red(day))
    require(event["transition"] == "still_broken", f"the run {event['transition']}, and is not still broken")
    require(not event["notifications"], "a message was sent")
    reason = "this run is red, as the one before was"
    printed = await readback.explain(event["id"])
    require(reason in " ".join(printed.split()), f"`roundsman explain` does not say '{reason}'")
    return f"pipeline {event['pipeline']['number']}, told to no one; `roundsman explain` says: {reason}"


async def fixed(readback: Readback, day: date) -> str:
    """Check that those who were told of the break heard of its end, and no one else."""
    card = readback.card("web-team", "acme/web main fixed after 44 min")
    event = await readback.event_of(day_runs.web_main_fixed(day))
    told = {one["receiver"] for one in event["notifications"]}
    require(told == {"web-team"}, f"told were {', '.join(sorted(told)) or 'none'}")
    return f"{card.title}: told to web-team, which knew that it was red, and to no one else"


async def flaky(readback: Readback, day: date) -> str:
    """Check the rerun that turned green, and what the next failure says of it."""
    rerun = await readback.event_of(sample_runs.api_rerun(day))
    incident = await readback.get(f"incidents/{rerun['incident']}")
    require(incident["closed_because"] == "rerun", f"the incident closed because of {incident['closed_because']}")
    again = await readback.event_of(day_runs.api_flaky_again(day))
    messages = [attempt["words"] or "" for one in again["notifications"] for attempt in one["attempts"]]
    evidence = "likely flaky: 1 of its last 2 fails was contradicted at the same commit"
    require(any(evidence in words for words in messages), f"no message says '{evidence}'")
    greens = [card for card in readback.cards if "Green after a rerun of the same commit." in card.text]
    require(bool(greens), "no message says that a rerun turned green")
    return "a rerun of shop-api main turned green; when the test failed again, the message said: likely flaky"


async def canceled(readback: Readback, day: date) -> str:
    """Check that the posts of one cancellation are one grey run, told to no one."""
    run = day_runs.mobile_canceled(day)
    events = await readback.events_of(run)
    posts = len(run.jobs) + 1
    require(len(events) == posts, f"{len(events)} posts are on record, and not {posts}")
    states = {(event["transition"], event["number_in_pipeline"]) for event in events}
    require(states == {("none", 1)}, f"they are no one grey run: {states}")
    event = await readback.get(f"events/{events[0]['id']}")
    require(not event["notifications"], "a message was sent")
    return f"{posts} posts of one canceled workflow: one grey run, no message"


async def many_red(readback: Readback, day: date) -> str:
    """Check that each of many workflows was told red once, and fixed once."""
    red, green = day_runs.trouble(day), day_runs.trouble_over(day)
    news = [await _news_of(readback, run) for run in (*red, *green)]
    told = {kind: sum(one.get(kind, 0) for one in news) for kind in ("broke", "fixed")}
    require(all(told[kind] == len(red) for kind in told), f"told were {told}, and not each of {len(red)} once")
    projects = len({run.project.name for run in red})
    return f"{len(red)} workflows of {projects} projects red in a minute: each told once, and its end once"


async def _news_of(readback: Readback, run: Run) -> Mapping[str, int]:
    """Return the number of messages on a run that were sent, by news."""
    event = await readback.event_of(run)
    sent = [one["news"] for one in event["notifications"] if one["state"] == "sent"]
    return {kind: sent.count(kind) for kind in sent}


async def digest(readback: Readback, day: date) -> str:
    """Check the digest: what is red, was fixed, and was flaky."""
    card = readback.card("leads", "Digest day: ")
    heads = ("Red now: ", "Fixed: ", "Flaky tests: ")
    lines = [next((line for line in card.text.splitlines() if line.startswith(head)), None) for head in heads]
    absent = [head for head, line in zip(heads, lines, strict=True) if line is None]
    require(not absent, f"it has no {', '.join(absent)}")
    figures = ", ".join(line.lower() for line in lines if line)
    return f"one message to leads at {DIGEST_AT} UTC: {figures}"


async def held(readback: Readback, day: date) -> str:
    """Check the message of the approval that a run waits for."""
    run = day_runs.web_deploy_held(day)
    job = run.jobs[-1].name
    card = readback.card("release-crew", f"acme/web main: {job} of {run.workflow} waits for approval")
    require("/builds/" in card.text, "the message has no link to its page")
    return "one message to release-crew; approve it on the page Now, and it goes on"


async def figures(readback: Readback, _day: date) -> str:
    """Check CircleCI's own figures."""
    found = await readback.get("insights", project="gh/acme/web")
    require(bool(found["workflows"]), "no workflow has figures")
    return (
        f"CircleCI's figures of {len(found['workflows'])} workflows of web: `roundsman insights --project gh/acme/web`"
    )


CHECKS: Mapping[str, Check] = {
    "broke": broke,
    "taken": taken,
    "still red": still_red,
    "fixed": fixed,
    "flaky": flaky,
    "storm, canceled": canceled,
    "storm, red": many_red,
    "waits": held,
    "insights": figures,
    "digest": digest,
}
