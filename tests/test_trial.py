"""Trying routes out: an event from a webhook's body, an invented one, or one with some facts changed."""

import json
from pathlib import Path

import pytest

from service.errors import BadConfig, BadRequest, Permanent
from service.manage.trial import event_of, parse_facts
from service.metrics import Metrics
from service.model import Event, EventKind
from service.rules import MATCH_KEYS
from service.sources.circleci import CircleCI

PAYLOADS = sorted((Path(__file__).parent / "payloads" / "circleci").glob("*.json"))
GITHUB = (Path(__file__).parent / "payloads" / "circleci" / "workflow-github.json").read_bytes()
SOURCE = CircleCI(secrets=[], url="https://circleci.com", token=None, metrics=Metrics())


def trial(*facts: str, body: bytes | None = None) -> Event:
    return event_of(body, SOURCE, parse_facts(facts))


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_every_kind_of_body_makes_its_event(path: Path) -> None:
    event = trial(body=path.read_bytes())

    assert event.kind == json.loads(path.read_bytes())["type"]


def test_without_a_body_it_is_a_workflow_of_which_nothing_is_known() -> None:
    event = trial()

    assert event.kind is EventKind.WORKFLOW_COMPLETED
    assert (event.project.slug, event.branch, event.status, event.workflow.name, event.job) == (None,) * 5


def test_a_fact_stands_in_place_of_the_body_s_own() -> None:
    event = trial("branch=release/2", "status=error", body=GITHUB)

    assert (event.branch, event.status, event.project.name) == ("release/2", "error", "shop")


def test_every_match_key_can_be_set() -> None:
    given = {"event": "job-completed", **{key: f"some {key}" for key in MATCH_KEYS if key != "event"}}

    event = trial(*(f"{key}={value}" for key, value in given.items()))

    assert {
        "event": event.kind,
        "org": event.org,
        "project": event.project.slug,
        "branch": event.branch,
        "tag": event.tag,
        "workflow": event.workflow.name,
        "job": event.job and event.job.name,
        "status": event.status,
        "trigger": event.trigger,
        "actor": event.actor.login,
        "author": event.commit.author_name,
    } == given


def test_who_names_a_job_means_a_job_unless_they_say_otherwise() -> None:
    assert trial("job=deploy").kind is EventKind.JOB_COMPLETED
    assert trial("job=deploy", "event=workflow-completed").kind is EventKind.WORKFLOW_COMPLETED


def test_an_empty_fact_is_an_absent_one() -> None:
    assert trial("branch=", body=GITHUB).branch is None


def test_a_value_may_hold_an_equals_sign_and_blanks() -> None:
    assert trial("branch=a = b").branch == "a = b"


@pytest.mark.parametrize(
    ("fact", "sentence"),
    [
        ("branch", "--set branch: write key=value, such as --set branch=main"),
        ("colour=red", "--set colour=red: there is no match key 'colour'; there are event, org, project, branch"),
        ("=x", "--set =x: there is no match key ''"),
    ],
)
def test_a_fact_that_is_none_is_refused(fact: str, sentence: str) -> None:
    with pytest.raises(BadConfig, match=sentence):
        trial(fact)


def test_a_kind_of_event_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadRequest, match="'deploy' is not a kind of event"):
        trial("event=deploy")


def test_a_body_that_is_not_understood_is_refused() -> None:
    with pytest.raises(Permanent):
        trial(body=b"[]")
