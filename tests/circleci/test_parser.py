"""Parsing posts: every documented and observed payload, and those to refuse."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.circleci.webhook.parser import identify, kept_headers, parse
from service.errors import Permanent
from service.model import Actor, Commit, Delivery, Event, EventKind, Job, Pipeline, Project, Via, Workflow

PAYLOADS = Path(__file__).parents[1] / "payloads" / "circleci"
ARRIVED = datetime(2026, 3, 2, 8, 20, tzinfo=UTC)
ID = UUID("018f0000-0000-7000-8000-000000000001")
SHA = "4f1c9a6be0d27c5583f0c1b7d6a94e2f8b3d5c70"
DROP = object()
WORKFLOW_PAGE = "https://app.circleci.com/pipelines/github/acme/shop/204/workflows/ed2ea50a-bebe-41bc-9326-2c4a658598fe"


def delivery(body: bytes) -> Delivery:
    return Delivery(
        id=ID,
        source="circleci",
        source_event_id="source-event",
        via=Via.WEBHOOK,
        received_at=ARRIVED,
        headers=(),
        body=body,
        signed=None,
    )


def payload(case: str, **changes: object) -> bytes:
    """The payload of a case, with leaves changed by their dotted path."""
    whole: dict[str, Any] = json.loads((PAYLOADS / f"{case}.json").read_bytes())
    for path, value in changes.items():
        *way, leaf = path.split("__")
        place = whole
        for step in way:
            place = place[step]
        place[leaf] = value
        if value is DROP:
            del place[leaf]
    return json.dumps(whole).encode()


def understood(case: str, **changes: object) -> Event:
    return parse(delivery(payload(case, **changes)), links=True)


def test_workflow_of_github_oauth_has_all_facts_but_the_actor() -> None:
    assert understood("workflow-github") == Event(
        id=ID,
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="source-event",
        happened_at=datetime(2026, 3, 2, 8, 19, 30, 801_000, tzinfo=UTC),
        received_at=ARRIVED,
        via=Via.WEBHOOK,
        org="acme",
        project=Project(id="d9c72703-fb7e-433a-8299-1e5a2ddcf171", slug="github/acme/shop", name="shop"),
        pipeline=Pipeline(id="81256c57-7b5c-4ef8-a811-25425cd1d6ce", number=204),
        workflow=Workflow(
            id="ed2ea50a-bebe-41bc-9326-2c4a658598fe", name="build-and-test", status="failed", url=WORKFLOW_PAGE
        ),
        status="failed",
        branch="main",
        revision=SHA,
        commit=Commit(
            subject="Round prices half up",
            author_name="Ada Example",
            author_email="ada@example.com",
            url=f"https://github.com/acme/shop/commit/{SHA}",
        ),
        trigger="webhook",
        duration_ms=270_500,
    )


def test_job_event_has_the_job_status_and_duration() -> None:
    event = understood("job-github")

    assert event.kind is EventKind.JOB_COMPLETED
    assert event.job == Job(id="c156d591-53c1-4231-b627-ef35fd4849c6", name="unit-tests", number=613, status="failed")
    assert (event.status, event.workflow.status, event.duration_ms) == ("failed", None, 182_345)


def test_a_ping_is_about_nothing() -> None:
    event = understood("ping")

    assert (event.kind, event.project, event.workflow, event.job, event.status) == (
        EventKind.PING,
        Project(),
        Workflow(),
        None,
        None,
    )
    assert event.happened_at == datetime(2026, 3, 2, 7, 0, 0, 123_456, tzinfo=UTC)


def test_gitlab_tells_commit_and_actor_in_its_own_map() -> None:
    event = understood("workflow-gitlab")

    assert (event.branch, event.tag, event.revision, event.trigger) == ("main", None, SHA, "gitlab")
    assert event.actor == Actor(id="50f04ada-1d63-4c02-a593-54f149bb3412")
    assert event.commit == Commit(
        subject="Close the books twice",
        author_name="Ada Example",
        author_email="ada@example.com",
        url=f"https://gitlab.com/acme/ledger/-/commit/{SHA}",
    )


def test_a_github_app_tells_the_tag_in_a_full_ref_only() -> None:
    event = understood("workflow-github-app")

    assert (event.branch, event.tag, event.org) == (None, "v2.4.0", None)
    assert event.commit == Commit(
        subject="Say what the button does",
        author_name="Grace Example",
        author_email="grace@example.com",
        url=f"https://github.com/acme/web/commit/{SHA}",
    )


def test_bitbucket_data_center_gets_no_link_rather_than_a_wrong_one() -> None:
    event = understood("workflow-bitbucket-dc")

    assert (event.branch, event.status, event.actor) == ("develop", "unauthorized", Actor())
    assert (event.commit.subject, event.commit.url) == ("Lock the vault", None)


def test_bitbucket_cloud_has_commits_in_the_plural() -> None:
    assert understood("workflow-bitbucket").commit.url == f"https://bitbucket.org/acme/till/commits/{SHA}"


def test_tag_build_of_github_oauth_has_no_branch_tag_or_commit() -> None:
    event = understood("workflow-tag")

    assert (event.branch, event.tag, event.revision) == (None, None, SHA)
    assert event.commit == Commit(url=f"https://github.com/acme/shop/commit/{SHA}")


def test_a_pipeline_started_over_the_api_has_a_branch_but_no_commit() -> None:
    event = understood("workflow-api")

    assert (event.branch, event.trigger, event.commit.subject, event.status) == ("release/2.4", "api", None, "canceled")


def test_git_map_takes_precedence_over_the_provider_in_any_order() -> None:
    maps = {"gitlab": {"branch": "from-gitlab", "commit_title": "Title"}, "git": {"branch": "from-git"}}

    event = understood("workflow-gitlab", pipeline__trigger_parameters=maps)

    assert (event.branch, event.commit.subject) == ("from-git", "Title")


def test_maps_that_are_not_about_git_name_no_branch() -> None:
    maps = {"circleci": {"branch": "no"}, "webhook": {"branch": "no"}, "git": "no", "other": None}

    assert understood("workflow-gitlab", pipeline__trigger_parameters=maps).branch is None


def test_first_twenty_maps_of_a_trigger_are_read_and_other_values_do_not_count() -> None:
    others: dict[str, object] = {f"text {number}": "no map" for number in range(30)}
    maps: dict[str, object] = {f"map {number}": {} for number in range(19)}

    last = understood("workflow-gitlab", pipeline__trigger_parameters={**others, **maps, "git": {"branch": "main"}})
    beyond = understood(
        "workflow-gitlab", pipeline__trigger_parameters={**maps, "one more": {}, "git": {"branch": "main"}}
    )

    assert (last.branch, beyond.branch) == ("main", None)


def test_unknown_git_server_is_linked_by_the_name_of_its_map() -> None:
    git = {"checkout_url": "git@git.example.com:acme/x.git", "checkout_sha": SHA}

    event = understood("workflow-gitlab", pipeline__trigger_parameters={"git": git, "gitlab": {}})

    assert event.commit.url == f"https://git.example.com/acme/x/-/commit/{SHA}"


@pytest.mark.parametrize(
    ("said", "branch", "tag"),
    [
        ({"ref": "refs/heads/feature/a"}, "feature/a", None),
        ({"ref": "refs/tags/v1"}, None, "v1"),
        ({"ref": "v1", "full_ref": "refs/tags/v1"}, None, "v1"),
        ({"tag": "v1", "branch": "main"}, None, "v1"),
        ({"ref": "refs/pull/7/head"}, None, None),
        ({"ref": "refs/heads/"}, None, None),
        ({"branch": "  ", "tag": ""}, None, None),
    ],
)
def test_branch_and_tag_are_read_from_names_and_refs(said: object, branch: str | None, tag: str | None) -> None:
    event = understood("workflow-gitlab", pipeline__trigger_parameters={"git": said})

    assert (event.branch, event.tag) == (branch, tag)


def test_the_subject_is_the_first_line_of_the_message() -> None:
    git = {"commit_message": "First line \r\nsecond"}

    assert understood("workflow-gitlab", pipeline__trigger_parameters={"git": git}).commit.subject == "First line"


def test_page_of_a_cloud_workflow_is_built_if_the_payload_lacks_it() -> None:
    slug, workflow = "circleci/8bYtwq3LrVZsQpN5uEkH2m/6TfQmLxKc2VbYrD8hNzGu5", "a7b8b0a1-c40d-4d66-ae61-b7b58c09a408"

    assert understood("workflow-github-app").workflow.url == (
        f"https://app.circleci.com/pipelines/{slug}/88/workflows/{workflow}"
    )


@pytest.mark.parametrize("part", ["project__slug", "pipeline__number", "workflow__id"])
def test_a_page_is_not_built_from_half_an_address(part: str) -> None:
    assert understood("workflow-github-app", **{part: None}).workflow.url is None


def test_a_server_of_ones_own_gets_no_address_at_circleci_com() -> None:
    event = parse(delivery(payload("workflow-github-app")), links=False)

    assert event.workflow.url is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//example.com", "https://", 7])
def test_only_web_addresses_leave_the_parser(url: object) -> None:
    event = understood("workflow-github", workflow__url=url, pipeline__vcs__target_repository_url=url)

    assert (event.workflow.url, event.commit.url) == (WORKFLOW_PAGE, None)


@pytest.mark.parametrize(
    ("time", "read"),
    [
        ("2024-12-18 17:23:29.361740256 +0000 UTC", datetime(2024, 12, 18, 17, 23, 29, 361_740, tzinfo=UTC)),
        ("2024-12-18 17:23:29 +0100 CET", datetime(2024, 12, 18, 16, 23, 29, tzinfo=UTC)),
        ("2024-12-18T17:23:29+00:00", datetime(2024, 12, 18, 17, 23, 29, tzinfo=UTC)),
        ("2024-12-18T17:23:29.361740256Z", datetime(2024, 12, 18, 17, 23, 29, 361_740, tzinfo=UTC)),
        ("2024-12-18T17:23:29", datetime(2024, 12, 18, 17, 23, 29, tzinfo=UTC)),
        ("yesterday", ARRIVED),
        ("", ARRIVED),
        ("0001-01-01T00:00:00+23:59", ARRIVED),
        (1734542609, ARRIVED),
        (None, ARRIVED),
    ],
)
def test_times_in_every_format_seen_are_read_and_others_are_the_time_of_arrival(time: object, read: datetime) -> None:
    assert understood("ping", happened_at=time).happened_at == read


@pytest.mark.parametrize(
    "changes",
    [
        {"workflow__stopped_at": DROP},
        {"workflow__created_at": None},
        {"workflow__stopped_at": "2026-03-02T08:15:00.249Z"},
        {"workflow__stopped_at": "never"},
    ],
)
def test_a_duration_is_never_guessed_and_never_negative(changes: dict[str, object]) -> None:
    assert understood("workflow-github", **changes).duration_ms is None


def test_numbers_may_come_as_strings() -> None:
    assert understood("workflow-github", pipeline__number="205").pipeline.number == 205


@pytest.mark.parametrize("number", [True, -1, 2**63, "12a", 1.5, "٣", []])
def test_number_that_does_not_fit_a_database_is_absent(number: object) -> None:
    assert understood("workflow-github", pipeline__number=number).pipeline.number is None


@pytest.mark.parametrize("nothing", [DROP, None, "", [], 7, "text"])
@pytest.mark.parametrize(
    "part",
    ["project", "organization", "pipeline", "pipeline__vcs", "pipeline__vcs__commit", "pipeline__trigger_parameters"],
)
def test_maps_that_are_missing_or_no_maps_are_empty(part: str, nothing: object) -> None:
    assert understood("workflow-github", **{part: nothing}).status == "failed"


def test_unknown_statuses_and_fields_are_no_trouble() -> None:
    event = understood("workflow-github", workflow__status="paused on Mars", workflow__mood="fine", planet="Mars")

    assert event.status == "paused on Mars"


def test_text_that_no_database_can_store_is_made_storable() -> None:
    event = understood("workflow-github", pipeline__vcs__branch="a\x00b\ud800c", project__name="n" * 1_000)

    assert event.branch == "a\ufffdb\ufffdc"
    assert event.project.name == "n" * 500


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the body is not JSON that we can read"),
        (b"\xff\xfe\xfa", "the body is not JSON that we can read"),
        (b"[" * 100_000, "the body is not JSON that we can read"),
        (b'{"n": ' + b"9" * 5_000 + b"}", "the body is not JSON that we can read"),
        (b"[]", "the body is JSON, but not an object"),
        (b"null", "the body is JSON, but not an object"),
        (b"{}", r"the payload has no 'type' \(workflow-completed, job-completed, ping\)"),
        (b'{"type": 7}', "the payload has no 'type'"),
        (b'{"type": "pipeline-started"}', "type 'pipeline-started' is not one that Roundsman knows"),
        (b'{"type": "workflow-completed"}', "workflow-completed, but has no 'workflow' with a 'status'"),
        (b'{"type": "workflow-completed", "workflow": {"status": ""}}', "no 'workflow' with a 'status'"),
        (b'{"type": "job-completed", "workflow": {"status": "x"}}', "no 'job' with a 'status'"),
    ],
)
def test_body_that_is_not_understood_raises_a_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(Permanent, match=sentence):
        parse(delivery(body), links=True)


def test_a_byte_order_mark_and_a_repeated_key_are_read_as_json_readers_do() -> None:
    event = parse(delivery(b'\xef\xbb\xbf{"type": "job-completed", "type": "ping", "n": NaN}'), links=True)

    assert event.kind is EventKind.PING


def test_the_id_of_an_event_is_circlecis_own() -> None:
    assert (
        identify(payload("ping", id="8bd71c28-4969-3677-8940-3e3a61c46660")) == "8bd71c28-4969-3677-8940-3e3a61c46660"
    )


@pytest.mark.parametrize("given", [DROP, None, "", "   ", 7, "x" * 201, "a\x00b", "\ud800", {"id": 1}])
def test_an_event_without_a_usable_id_is_known_by_its_bytes(given: object) -> None:
    body = payload("ping", id=given)

    assert identify(body).startswith("sha256:")
    assert identify(body) == identify(bytes(body))
    assert identify(body) != identify(body + b" ")


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b"\xff", b"7"])
def test_bytes_that_are_no_object_have_an_id_too(body: bytes) -> None:
    assert identify(body).startswith("sha256:")


def test_the_headers_worth_keeping_are_kept_in_order_and_lower_case() -> None:
    headers = [
        (b"Host", b"roundsman.example.com"),
        (b"User-Agent", b"CircleCI-Webhook/1.0"),
        (b"content-type", b"application/json"),
        (b"authorization", b"Bearer of-somebody-else"),
        (b"circleci-event-type", b"ping"),
        (b"circleci-signature", b"v1=\xe9"),
    ]

    assert kept_headers(headers) == (
        ("user-agent", "CircleCI-Webhook/1.0"),
        ("content-type", "application/json"),
        ("circleci-event-type", "ping"),
        ("circleci-signature", "v1=é"),
    )
