"""Answers to the questions of assistants: few facts each, of limited size.

Each is made of what pages and API show. Words in them come from commits, tests and logs: they are data.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.errors import NotFound
from service.model import Details
from service.operations import queries
from service.operations.builds.build_story import tell_story
from service.operations.builds.evidence import Claim
from service.operations.builds.named_builds import find_event_id
from service.operations.json_shapes import Json
from service.operations.overviews import status
from service.operations.overviews.now import Asked, Setting, read_now
from service.operations.overviews.week_figures import WeeksCache
from service.operations.test_history.tests import show_tests
from service.store.events import events
from service.store.test_history.test_list import TestFilter

MAX_ITEMS = 20
MAX_TEXT = 600
MAX_LOG_TEXT = 300
MAX_LOG_LINES = 60
RED_KEYS = (
    "project",
    "workflow",
    "branch",
    "opened_at",
    "streak",
    "fails",
    "broke_with",
    "taken",
    "muted_until",
    "told",
)
CULPRITS = {str(Claim.CULPRITS), str(Claim.GREEN_BEFORE)}


def what_is_red(
    transaction: Transaction, now: datetime, *, project: str | None = None, branch: str | None = None
) -> Json:
    """Return the red workflows of default branches, or of a project's branch."""
    if project is None and branch is None:
        found = read_now(transaction, Asked(), now, weeks=WeeksCache(), setting=Setting())
        items = [{**{name: one[name] for name in RED_KEYS}, "build": one["newest_event"]} for one in found["items"]]
        return limited({"as_of": found["as_of"], "red": found["red"], "workflows": found["workflows"], "items": items})
    asked = status.Asked(project=project, branch=branch)
    state = status.read_status(transaction, asked, now)
    if not state["workflows"]:
        raise NotFound("; ".join(status.near_names(transaction, asked)) or "no run is on record there")
    shown = {**state, "workflows": [one for one in state["workflows"] if one["state"] != status.GREEN]}
    return limited({**shown, "green": len(state["workflows"]) - len(shown["workflows"])})


def why_did_it_fail(transaction: Transaction, now: datetime, build: str) -> Json:
    """Return what failed in a build, and what is known of it. Raises NotFound."""
    event = _find(transaction, now, build)
    story = tell_story(transaction, UUID(event["id"]), event["evidence"])
    failed = [{name: one[name] for name in ("name", "status", "url", "messages")} for one in story["failed"]]
    return limited(
        {
            **_of_build(event),
            "headline": story["headline"],
            "failed_jobs": failed,
            "failing_tests": [{"job": job, "failures": failures} for job, failures in story["failing"]],
            "known_of_tests": story["marks"],
            "claims": [one["words"] for one in event["evidence"] if one["test"] is None],
            "seen_before": [_neighbor(one) for one in story["seen"]],
            "missing": event["details"]["missing"] if event["details"] else "CircleCI was not asked for details",
        }
    )


def is_it_flaky(transaction: Transaction, now: datetime, test: str, *, project: str | None = None) -> Json:
    """Return what is known of a test by its name. Raises NotFound."""
    return limited(show_tests(transaction, now, TestFilter(name=test, project=project)))


def who_was_told(transaction: Transaction, now: datetime, build: str) -> Json:
    """Return who was told of a build, and why others were not. Raises NotFound."""
    event = _find(transaction, now, build)
    told = [
        {
            "receiver": one["receiver"],
            "channel": one["channel_label"],
            "route": one["route"],
            "state": one["state"],
            "reason": one["reason"],
            "sent_at": one["sent_at"],
            "attempts": [
                {name: tried[name] for name in ("started_at", "outcome", "reason")} for tried in one["attempts"][-5:]
            ],
        }
        for one in event["notifications"]
    ]
    newest = max((one["round"] for one in event["decisions"]), default=0)
    decided = [one for one in event["decisions"] if one["round"] == newest]
    return limited({**_of_build(event), "notifications": told, "decisions": decided, "actions": event["actions"]})


def what_changed(transaction: Transaction, now: datetime, build: str) -> Json:
    """Return the commits since the last green run before a red one. Raises NotFound."""
    event = _find(transaction, now, build)
    claims = [one for one in event["evidence"] if one["claim"] in CULPRITS]
    if not claims:
        raise NotFound("nothing is known of changes: the build is not red, or it has no history on its branch")
    keys = ("claim", "words", "runs", "more")
    return limited({**_of_build(event), "claims": [{name: one[name] for name in keys} for one in claims]})


def log_tail(transaction: Transaction, now: datetime, build: str, *, job: str | None = None) -> Json:
    """Return the last lines of the failed steps of a build. Raises NotFound."""
    event = _find(transaction, now, build)
    details = events.find_details(transaction, UUID(event["id"])) or Details()
    steps = [(one, one.step) for one in details.jobs or () if one.step and job in {None, one.name}]
    if not steps:
        raise NotFound("no log is on record: CircleCI is asked for it only where a route has `log: true`")
    shown = [
        {
            "job": one.name,
            "step": step.name,
            "exit_code": step.exit_code,
            "url": step.url,
            "lines": [cut(line, MAX_LOG_TEXT) for line in step.lines[-MAX_LOG_LINES:]],
        }
        for one, step in steps[:MAX_ITEMS]
    ]
    return {**limited(_of_build(event)), "steps": shown}


def _find(transaction: Transaction, now: datetime, build: str) -> Json:
    """Return all records of a build, without its webhook. Raises BadRequest, NotFound."""
    return queries.show_event(transaction, find_event_id(transaction, build, now), body_limit=0)


def _of_build(event: Json) -> Json:
    commit = {name: event["commit"][name] for name in ("subject", "author_name")}
    return {
        "build": event["id"],
        "project": event["project"]["full_name"],
        "branch": event["branch"],
        "tag": event["tag"],
        "workflow": event["workflow"]["name"],
        "url": event["workflow"]["url"],
        "pipeline": event["pipeline"]["number"],
        "status": event["status"],
        "transition": event["transition"],
        "streak": event["streak"],
        "happened_at": event["happened_at"],
        "revision": event["revision"],
        "commit": commit,
        "started_by": event["actor"]["name"] or event["actor"]["login"],
        "incident": event["incident"],
    }


def _neighbor(row: Json) -> Json:
    return {"build": row["run"], **{name: row[name] for name in ("project", "branch", "workflow", "headline", "at")}}


def limited(value: Json) -> Json:
    """Return a shape whose texts are cut, and whose lists are cut with their number."""
    shown = {}
    for name, one in value.items():
        shown[str(cut(str(name), MAX_TEXT))] = _limited(one)
        if isinstance(one, list | tuple) and len(one) > MAX_ITEMS:
            shown[f"{name}_left_out"] = len(one) - MAX_ITEMS
    return shown


def _limited(value: object) -> object:
    match value:
        case str():
            return cut(value, MAX_TEXT)
        case Mapping():
            return limited(dict(value))
        case Sequence():
            return [_limited(one) for one in value[:MAX_ITEMS]]
        case _:
            return value


def cut(text: str, limit: int) -> str:
    """Return a text, or its beginning and a mark."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
