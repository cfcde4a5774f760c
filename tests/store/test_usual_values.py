"""Usual addresses and headers are short in the row, and whole in the event and the delivery."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from service.model import Commit, Event, Pipeline, Project, Workflow
from service.store.rows import event_row, to_event
from service.store.usual_values import HEADERS, URL_FORMS, USUAL_URL, restore_headers, shorten_headers
from tests.support.example_events import FAILED

WORKFLOW = "https://app.circleci.com/pipelines/github/acme/web/1487/workflows/3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e"
COMMIT = "https://github.com/acme/web/commit/1515e70f5016f8f604bd777dc759f0ebfd1ce51c"


def event(workflow_url: str | None, commit_url: str | None) -> Event:
    return replace(
        FAILED,
        project=Project(slug="github/acme/web", name="web"),
        pipeline=Pipeline(number=1487),
        workflow=Workflow(id=WORKFLOW.rpartition("/")[2], url=workflow_url),
        commit=Commit(url=commit_url),
        revision=COMMIT.rpartition("/")[2],
    )


def test_addresses_of_the_usual_form_take_one_character() -> None:
    row = event_row(event(WORKFLOW, COMMIT))

    assert (row["workflow_url"], row["commit_url"]) == (USUAL_URL, USUAL_URL)
    assert to_event(row) == event(WORKFLOW, COMMIT)


@pytest.mark.parametrize(
    ("workflow_url", "commit_url"),
    [
        (None, None),
        (WORKFLOW + "/", COMMIT.upper()),
        (WORKFLOW.replace("app.", "ci."), COMMIT.replace("github.com", "git.example.com")),
        (WORKFLOW.replace("1487", "1488"), COMMIT[:-1]),
    ],
)
def test_other_addresses_stay_as_they_are(workflow_url: str | None, commit_url: str | None) -> None:
    row = event_row(event(workflow_url, commit_url))

    assert (row["workflow_url"], row["commit_url"]) == (workflow_url, commit_url)
    assert to_event(row) == event(workflow_url, commit_url)


def test_missing_parts_make_no_usual_form() -> None:
    bare = replace(event(WORKFLOW, COMMIT), org=None, pipeline=Pipeline(), revision=None)

    assert to_event(event_row(bare)) == bare


def test_headers_come_back_in_their_order_whatever_they_are() -> None:
    headers = [
        *HEADERS,
        ("circleci-signature", "v1=aa"),
        ("circleci-signature", ""),
        ("content-type", "application/json; charset=utf-8"),
        ("user-agent", "CircleCI-Webhook/1.1"),
        *HEADERS,
    ]

    stored = shorten_headers(headers)

    assert restore_headers(json.loads(json.dumps(stored))) == tuple(headers)
    assert stored[: len(HEADERS) + 1] == [0, 1, 2, 3, 4, "v1=aa"]


def test_headers_stored_as_pairs_are_read() -> None:
    assert restore_headers([["user-agent", "CircleCI-Webhook/1.0"]]) == (("user-agent", "CircleCI-Webhook/1.0"),)


def test_usual_forms_are_those_that_rows_rely_on() -> None:
    """A changed entry would turn what is stored into something else."""
    assert sha256(repr((HEADERS, URL_FORMS)).encode()).hexdigest()[:16] == "66d667f6cd3a1a7d"
