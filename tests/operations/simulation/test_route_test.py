"""Trying routes out: an event from a webhook's body, an invented one, or one with some facts changed."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from service.errors import BadConfig, BadRequest, Permanent
from service.metrics import Metrics
from service.model import (
    Actor,
    Details,
    Event,
    EventKind,
    IncidentClass,
    Project,
    Route,
    RunFacts,
    RunFailures,
    Vcs,
    Verdict,
)
from service.operations.simulation.route_test import build_event, parse_facts
from service.routing.decide import decide, with_details
from tests.support.example_events import SAMPLE_VALUES, route

PAYLOADS_OF = Path(__file__).parents[2] / "payloads" / "circleci"
PAYLOADS = sorted(PAYLOADS_OF.glob("*.json"))
GITHUB = (PAYLOADS_OF / "workflow-github.json").read_bytes()
SOURCE = CircleCI(secrets=[], url="https://circleci.com", token=None, metrics=Metrics())


def trial(*facts: str, body: bytes | None = None) -> Event:
    return build_event(body, SOURCE, parse_facts(facts))


def verdicts(event: Event, routes: list[Route]) -> list[Verdict]:
    return [decision.verdict for decision in decide(event, routes)]


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
    given = SAMPLE_VALUES

    event = trial(*(f"{key}={value}" for key, value in given.items()))

    assert {
        "event": event.kind,
        "org": event.org,
        "project": event.project.slug,
        "branch": event.branch,
        "transition": event.run and event.run.transition,
        "streak": event.run and str(event.run.streak),
        "tag": event.tag,
        "workflow": event.workflow.name,
        "job": event.job and event.job.name,
        "status": event.status,
        "trigger": event.trigger,
        "actor": event.actor.login,
        "author": event.commit.author_name,
        "flaky": "true",
        "known_problem": "true",
        "new_failure": "false",
        "duration": "25m",
        "slower": "1.7x",
        "queue": "1h 2m 3s",
        "class": "infrastructure",
        "pr": str(event.pull_request.number),
    } == given
    assert event.facts == RunFacts(
        failures=RunFailures(flaky=True, known_problem=True, new_failure=False, is_known=True),
        run_ms=1_500_000,
        times_usual=1.7,
        klass=IncidentClass.INFRASTRUCTURE,
    )
    assert event.queue_ms == 3_723_000


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("flaky=maybe", "'maybe' is not a value of flaky; there are true, false"),
        ("class=bad", "'bad' is not a value of class; there are new, flaky, infrastructure, known_problem, expected"),
        ("transition=broken", "'broken' is not a value of transition; there are broke, still_broken, fixed, passed"),
        ("duration=> 20m", "'> 20m' is not a value of duration; write it like 25m"),
        ("slower=2", "'2' is not a value of slower; write it like 1.5x"),
        ("queue=long", "'long' is not a value of queue; write it like 5m"),
    ],
)
def test_a_value_that_no_run_has_is_refused_with_the_next_step(given: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(reason)):
        trial(given)


@pytest.mark.parametrize(
    ("payload", "key", "value", "patterns"),
    [
        ("workflow-github", "event", "workflow-completed", ["workflow-*", "job-completed"]),
        ("workflow-github", "org", "acme", ["acme", "other"]),
        (
            "workflow-github",
            "project",
            "gh/acme/shop",
            ["gh/acme/*", "github/acme/shop", "acme/*", "shop", "!acme/shop"],
        ),
        ("workflow-bitbucket", "project", "bitbucket/acme/till", ["bb/acme/*", "acme/till", "acme"]),
        ("workflow-github", "branch", "main", ["main", "!main"]),
        ("workflow-github", "workflow", "build-and-test", ["build-*", "deploy"]),
        ("job-github", "job", "unit-tests", ["unit-*", "deploy-*"]),
        ("workflow-github", "status", "failed", ["failed", "success"]),
        ("workflow-github", "trigger", "webhook", ["webhook", "!webhook"]),
        ("workflow-github", "author", "Ada Example", ["Ada *", "Linh *"]),
    ],
)
def test_a_fact_that_is_set_is_judged_as_a_webhook_s_own(
    payload: str, key: str, value: str, patterns: list[str]
) -> None:
    routes = [replace(route(**{"event": "*"} | {key: pattern}), continues=True) for pattern in patterns]

    said = verdicts(trial(f"{key}={value}"), routes)

    assert said == verdicts(trial(body=(PAYLOADS_OF / f"{payload}.json").read_bytes()), routes)
    assert len(set(said)) == 2  # something fits, and something does not


@pytest.mark.parametrize("pattern", ["ada", "bob"])
def test_an_actor_that_is_set_is_judged_as_one_that_circleci_names(pattern: str) -> None:
    asked = with_details(trial(body=GITHUB), Details(actor=Actor(login="ada")))

    assert decide(trial("actor=ada"), [route(actor=pattern)]) == decide(asked, [route(actor=pattern)])


@pytest.mark.parametrize("pattern", ["v1.*", "!v1.*"])
def test_a_tag_that_is_set_is_judged_as_one_that_circleci_names(pattern: str) -> None:
    body = (PAYLOADS_OF / "workflow-tag.json").read_bytes()
    asked = with_details(trial(body=body), Details(vcs=Vcs(tag="v1.4.0")))

    assert decide(trial("tag=v1.4.0"), [route(tag=pattern)]) == decide(asked, [route(tag=pattern)])


def test_slug_sets_organization_and_project_name() -> None:
    event = trial("project=gh/acme/web")

    assert (event.org, event.project) == ("acme", Project(slug="gh/acme/web", name="web"))
    assert trial("org=other", "project=gh/acme/web").org == "other"


def test_a_slug_of_codes_names_nobody() -> None:
    event = trial("project=circleci/8bYtwq3L/6TfQmLxK")

    assert (event.org, event.project) == (None, Project(slug="circleci/8bYtwq3L/6TfQmLxK"))


def test_no_project_is_no_project() -> None:
    assert trial("project=", body=GITHUB).project == Project()


def test_job_fact_sets_the_kind_unless_the_event_is_given() -> None:
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
        ("project=acme/web", "--set project=acme/web: write the slug, such as gh/acme/web"),
        ("project=gh//web", "write the slug"),
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
