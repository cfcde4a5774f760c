"""What is on record about an event, as lines at a terminal: from the record as the API has it, without a terminal."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.cli import _event_text
from service.model import (
    Action,
    Attempt,
    Decision,
    Delivery,
    DeliveryState,
    DetailKind,
    Details,
    Event,
    EventKind,
    Job,
    JobReport,
    MissingDetail,
    Notification,
    NotificationState,
    Outcome,
    Pipeline,
    Project,
    SignatureMatch,
    TestFailure,
    TestReport,
    Verdict,
    Via,
    Workflow,
)
from service.operations.json_shapes import (
    action_json,
    decision_json,
    delivery_json,
    details_json,
    event_json,
    notification_json,
)
from tests.support.example_events import FAILED, NOON

SENT_AT = NOON + timedelta(seconds=2)
BARE = Event(id=UUID(int=1), kind=EventKind.WORKFLOW_COMPLETED, source_event_id="x", happened_at=NOON, received_at=NOON)
OWED = Notification(
    id=UUID(int=7),
    event_id=UUID(int=1),
    topic="t",
    route="red",
    receiver="web",
    channel_key="k",
    channel_label="web (json)",
    channel_kind="json",
    state=NotificationState.PENDING,
    attempts=0,
    created_at=NOON,
    next_attempt_at=NOON + timedelta(minutes=1),
    give_up_at=NOON + timedelta(hours=1),
)
BUSY = "answered 503"
TRIED = "next attempt at 2026-11-22 12:01:00 UTC, given up after 2026-11-22 13:00:00 UTC: answered 503"


def shape(event: Event) -> Any:
    return event_json(event)


def texts(lines: Any) -> list[str]:
    return [text for text, _ in lines]


@pytest.mark.parametrize(
    ("event", "headline"),
    [
        (FAILED, "acme/web main: build failed"),
        (replace(FAILED, branch=None, tag="v1.2"), "acme/web tag v1.2: build failed"),
        (replace(FAILED, job=Job(name="lint")), "acme/web main: build / lint failed"),
        (replace(FAILED, org=None), "web main: build failed"),
        (replace(FAILED, org=None, project=Project(slug="gh/acme/web")), "gh/acme/web main: build failed"),
        (BARE, "a project: workflow-completed"),
        (replace(BARE, kind=EventKind.PING), "a ping: CircleCI tried whether it reaches us"),
        (
            replace(BARE, kind=EventKind.PING, project=Project(name="web")),
            "a ping of web: CircleCI tried whether it reaches us",
        ),
    ],
)
def test_headline_has_project_branch_workflow_and_status(event: Event, headline: str) -> None:
    assert _event_text.headline(shape(event))[0] == headline


def with_delivery(event: Event, **changes: Any) -> Any:
    delivery = Delivery(
        id=event.id,
        source="circleci",
        source_event_id="x",
        via=Via.WEBHOOK,
        received_at=NOON,
        headers=(),
        body=b"{}",
        signed=None,
        state=DeliveryState.SETTLED,
    )
    return {**shape(event), "delivery": delivery_json(replace(delivery, **changes))}


def test_facts_are_those_that_are_known() -> None:
    assert texts(_event_text.event_lines(with_delivery(BARE))) == [
        "  id          00000000-0000-0000-0000-000000000001",
        "  happened    2026-11-22 12:00:00 UTC",
        "  received    2026-11-22 12:00:00 UTC",
        "  delivery    settled, posted once",
    ]


def test_event_lines_have_the_facts_of_a_page() -> None:
    event = replace(
        FAILED,
        pipeline=Pipeline(number=42),
        job=Job(name="lint", number=7),
        revision="3f2c8a526d3e4b7e",
        duration_ms=65_000,
        workflow=Workflow(url="https://app.example.com/w"),
    )

    lines = texts(_event_text.event_lines(with_delivery(event, repeats=2)))

    assert lines[1:] == [
        "  project     github/acme/web",
        "  pipeline    42",
        "  job         lint, number 7",
        "  commit      3f2c8a5",
        "  by          Ada Example",
        "  trigger     webhook",
        "  happened    2026-11-22 12:00:00 UTC, took 1 min 05 s",
        "  received    2026-11-22 12:00:00 UTC",
        "  at CircleCI https://app.example.com/w",
        "  delivery    settled, posted 3 times",
    ]


def test_the_secret_that_signed_it_is_counted_from_one_as_on_its_page() -> None:
    lines = texts(_event_text.event_lines(with_delivery(BARE, signed=SignatureMatch(index=1, fingerprint="5f2ac01e"))))

    assert lines[-1] == "  signature   valid, secret 2 (fingerprint 5f2ac01e)"


def test_failed_jobs_come_with_their_first_ten_failed_tests_and_good_ones_are_left_out() -> None:
    failures = tuple(TestFailure(name=f"test_{n}", class_name="Cart", message="\n1 != 2\nmore") for n in range(12))
    details = Details(
        jobs=(
            JobReport(name="lint", status="success"),
            JobReport(name="unit", status="failed", messages=("exit code 1",), tests=TestReport(failures=failures)),
            JobReport(name="deploy", status="unauthorized"),
        ),
        missing=(
            MissingDetail(want=DetailKind.ACTOR, reason="answered 403", is_final=True),
            MissingDetail(want=DetailKind.TESTS, reason="answered 503", is_final=False),
        ),
    )

    lines = texts(_event_text.detail_lines(details_json(details)))

    assert lines == [
        "  failed job  unit: exit code 1",
        *(f"              Cart.test_{n}: 1 != 2" for n in range(10)),
        "              and 2 more",
        "  failed job  deploy",
        "  not known   actor: answered 403",
        "  not known   tests: answered 503 (to be asked again)",
    ]


@pytest.mark.parametrize(
    ("named", "is_complete", "last"),
    [
        (12, True, "and 990 more"),
        (12, False, "and at least 990 more"),
        (0, True, "1000 failed tests"),
        (0, False, "at least 1000 failed tests"),
    ],
)
def test_failed_tests_that_are_counted_but_not_named_have_their_number(
    named: int, is_complete: bool, last: str
) -> None:
    failures = tuple(TestFailure(name=f"test_{n}") for n in range(named))
    report = TestReport(failures=failures, counts={"failure": 990, "error": 10, "success": 3}, is_complete=is_complete)
    jobs = (JobReport(name="unit", status="failed", tests=report),)

    lines = texts(_event_text.detail_lines(details_json(Details(jobs=jobs))))

    assert lines[-1].strip() == last


def test_nothing_learned_is_no_line() -> None:
    assert texts(_event_text.detail_lines(None)) == []
    assert texts(_event_text.detail_lines(details_json(Details()))) == []


def test_after_a_replay_the_round_that_led_to_the_messages_keeps_its_reason() -> None:
    def said(judged: int, verdict: Verdict, reason: str, position: int = 0) -> Any:
        decision = Decision(position=position, route="red", receiver="web", verdict=verdict, reason=reason)
        return decision_json(judged, NOON + timedelta(hours=judged), decision)

    lines = texts(
        _event_text.decision_lines(
            [
                said(2, Verdict.ALREADY_TOLD, "web (json) already hears of this"),
                said(1, Verdict.MATCHED, "status failed matches failed"),
                said(1, Verdict.NOT_MATCHED, "branch main is not next", position=1),
            ]
        )
    )

    assert lines == [
        "judged again at 2026-11-22 14:00:00 UTC",
        "route 'red' to web: already told",
        "  web (json) already hears of this",
        "judged at 2026-11-22 13:00:00 UTC",
        "route 'red' to web: matched",
        "  status failed matches failed",
        "route 'red' to web: not matched",
    ]


def test_verdict_that_this_release_would_not_give_is_named_in_any_round() -> None:
    decision = Decision(
        position=0,
        route="red",
        receiver="web",
        verdict=Verdict.NOT_MATCHED,
        reason="status failed matches failed",
        verdict_today=Verdict.MATCHED,
    )

    lines = texts(_event_text.decision_lines([decision_json(n, NOON, decision) for n in (2, 1)]))

    said = [
        "  status failed matches failed",
        "  by the rules of this release it would be matched, for the reason above",
    ]
    assert [line for line in lines if line.startswith("  ")] == 2 * said


@pytest.mark.parametrize(
    ("state", "reason", "sentence"),
    [
        ("pending", None, "to be sent"),
        ("pending", BUSY, f"put off, {TRIED}"),
        ("sending", None, "being sent now"),
        ("dead", BUSY, "not delivered: answered 503"),
        ("dismissed", BUSY, "not delivered, dismissed: answered 503"),
    ],
)
def test_status_of_an_unsent_notification(state: str, reason: str | None, sentence: str) -> None:
    notification = replace(OWED, state=NotificationState(state), reason=reason)

    assert _event_text.notification_status(notification_json(notification, [], [])) == sentence


@pytest.mark.parametrize(
    ("state", "reason", "sentence"),
    [
        ("sent", None, ""),
        ("pending", None, "; a resend is to be sent"),
        ("pending", BUSY, f"; a resend was put off, {TRIED}"),
        ("sending", None, "; a resend is being sent now"),
        ("dead", BUSY, "; a resend was not delivered: answered 503"),
        ("dismissed", BUSY, "; a resend was not delivered, dismissed: answered 503"),
    ],
)
def test_sent_notification_stays_told_after_any_resend(state: str, reason: str | None, sentence: str) -> None:
    notification = replace(OWED, state=NotificationState(state), sent_at=SENT_AT, reason=reason)

    assert (
        _event_text.notification_status(notification_json(notification, [], []))
        == f"told at 2026-11-22 12:00:02 UTC{sentence}"
    )


def test_attempts_have_the_message_and_the_operator() -> None:
    attempts = [
        Attempt(
            notification_id=OWED.id,
            number=1,
            started_at=NOON,
            outcome=Outcome.SENT,
            receipt="HTTP 200",
            title="acme/web main: failed",
            words="Workflow build failed.\nBy Ada",
        ),
        Attempt(notification_id=OWED.id, number=2, started_at=SENT_AT, outcome=Outcome.SENDING),
    ]
    done = [Action(verb="resend", subject_id=OWED.id, who="pages", at=SENT_AT)]
    replayed = Action(verb="replay", subject_id=BARE.id, who="cli", at=SENT_AT, reason="the route was wrong")
    told = [notification_json(replace(OWED, sent_at=NOON, state=NotificationState.SENDING), attempts, done)]

    briefly, fully = (
        texts(_event_text.notification_lines(told)),
        texts(_event_text.notification_lines(told, words=True)),
    )

    assert fully == [
        f"web (json): told at 2026-11-22 12:00:00 UTC; a resend is being sent now  (notification {OWED.id})",
        "  attempt 1 at 2026-11-22 12:00:00 UTC: sent: HTTP 200",
        "    acme/web main: failed",
        "    Workflow build failed.",
        "    By Ada",
        "  attempt 2 at 2026-11-22 12:00:02 UTC, asked for by pages: sending",
    ]
    assert briefly == [line for line in fully if not line.startswith("    ")]
    assert texts(_event_text.operator_action_lines([action_json(action) for action in [*done, replayed]], told)) == [
        "resend of web (json) at 2026-11-22 12:00:02 UTC by pages",
        "replay at 2026-11-22 12:00:02 UTC by cli, because: the route was wrong",
    ]
