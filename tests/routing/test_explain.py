"""The reasons of a recorded judgment, worked out when it is looked at."""

from dataclasses import replace
from uuid import UUID

import pytest

from service.model import (
    AbsentFacts,
    Color,
    Decision,
    DetailKind,
    Event,
    JudgedState,
    Judgment,
    JudgmentNotes,
    Route,
    RoutesVersion,
    RunState,
    Transition,
    Verdict,
)
from service.routing.absent_facts import absent_facts
from service.routing.decide import decide
from service.routing.explain import explain
from service.routing.route_index import RouteIndex
from tests.support.example_events import FAILED, NOON, UNPLACED, UNSIGNED, route

ROUTES = [route("other", branch="develop"), route("ada's", actor="ada"), route("red", status="failed"), route("rest")]


def judge(event: Event, routes: list[Route], **changes: object) -> Judgment:
    """The judgment of an event as it is recorded."""
    judgment = Judgment(
        event_id=event.id,
        round=1,
        decided_at=NOON,
        verdicts=RouteIndex(routes).verdicts(event),
        version=RoutesVersion(tuple(routes)),
        absent=absent_facts(event),
    )
    return replace(judgment, **changes)  # type: ignore[arg-type]  # reason: any of its fields


def test_judgment_is_explained_as_it_was_decided() -> None:
    assert explain(judge(FAILED, ROUTES), FAILED) == decide(FAILED, ROUTES)


def test_facts_that_came_later_change_no_reason() -> None:
    judgment = judge(UNSIGNED, ROUTES)

    decisions = explain(judgment, FAILED)  # with the actor that CircleCI named since

    assert decisions == decide(UNSIGNED, ROUTES)
    assert (decisions[1].verdict, decisions[1].reason) == (Verdict.NOT_MATCHED, "this event has no actor")
    assert {decision.verdict_today for decision in decisions} == {None}


def test_event_that_a_replay_changed_is_explained_as_it_was() -> None:
    judgment = judge(FAILED, ROUTES, notes=JudgmentNotes(event=FAILED))

    assert explain(judgment, replace(FAILED, branch="develop")) == decide(FAILED, ROUTES)


def test_event_that_was_kept_with_later_facts_is_explained_without_them() -> None:
    judgment = judge(UNSIGNED, ROUTES, notes=JudgmentNotes(event=FAILED))

    assert explain(judgment, replace(FAILED, branch="develop")) == decide(UNSIGNED, ROUTES)


@pytest.mark.parametrize(
    ("recorded", "today", "reason"),
    [
        ({2: Verdict.MATCHED}, Verdict.NOT_MATCHED, "branch main is not develop"),
        ({0: Verdict.PRECEDED, 2: Verdict.MATCHED}, Verdict.NOT_MATCHED, "branch main is not develop"),
    ],
)
def test_verdict_that_this_release_would_not_give_stays_and_is_named(
    recorded: dict[int, Verdict], today: Verdict, reason: str
) -> None:
    decisions = explain(judge(FAILED, ROUTES, verdicts=recorded), FAILED)

    assert [decision.verdict for decision in decisions] == [
        recorded.get(n, Verdict.NOT_MATCHED) for n in range(len(ROUTES))
    ]
    assert decisions[1].verdict_today is Verdict.MATCHED
    assert decisions[2].verdict_today is Verdict.PRECEDED
    assert decisions[0].reason == reason
    assert decisions[0].verdict_today is (today if 0 in recorded else None)


def test_told_already_is_a_match_by_the_rules() -> None:
    remark = "web (json) already hears of this, by route 'x'"
    told = judge(
        FAILED, ROUTES[1:2], verdicts={0: Verdict.ALREADY_TOLD}, notes=JudgmentNotes(remarks={0: (remark, "so")})
    )

    [decision] = explain(told, FAILED)

    assert decision.verdict is Verdict.ALREADY_TOLD
    assert decision.verdict_today is None
    assert decision.reason == f"actor ada / Ada Example matches ada; {remark}; so"


def test_facts_that_could_not_be_asked_are_named_by_the_routes_that_want_them() -> None:
    event = replace(UNPLACED, actor=UNSIGNED.actor)
    unknown = {DetailKind.ACTOR: ("no token", "answered 503"), DetailKind.VCS: ("answered 503",)}
    routes = [route(actor="ada"), route(branch="main", actor="ada"), route(status="success"), route(tag="v*")]

    decisions = explain(judge(event, routes, notes=JudgmentNotes(unknown=unknown)), event)

    assert [decision.reason for decision in decisions] == [
        "this event has no actor (it could not be asked: answered 503; no token)",
        "this event has no branch; this event has no actor (it could not be asked: answered 503; no token)",
        "status failed is not success",
        "this event has no tag (it could not be asked: answered 503)",
    ]


def test_reasons_that_an_earlier_release_wrote_are_shown_as_written() -> None:
    texts = (("other", "web", "branch main is not develop"), ("red", "ops", "so it was"))
    judgment = judge(FAILED, [], version=None, verdicts={1: Verdict.MATCHED}, notes=JudgmentNotes(texts=texts))

    assert explain(judgment, FAILED) == [
        Decision(position=0, route="other", receiver="web", verdict=Verdict.NOT_MATCHED, reason=texts[0][2]),
        Decision(position=1, route="red", receiver="ops", verdict=Verdict.MATCHED, reason="so it was"),
    ]


def test_verdicts_are_shown_also_where_the_routes_are_gone() -> None:
    [decision] = explain(judge(FAILED, [], version=None, verdicts={4: Verdict.MATCHED}), FAILED)

    assert (decision.route, decision.verdict) == ("route 5", Verdict.MATCHED)
    assert decision.reason == "the routes of that time are no longer on record"


def test_verdicts_of_routes_that_are_gone_are_shown_in_the_order_of_the_routes() -> None:
    judgment = judge(FAILED, [], version=None, verdicts={4: Verdict.MATCHED, 1: Verdict.PRECEDED})

    assert [decision.route for decision in explain(judgment, FAILED)] == ["route 2", "route 5"]


def test_run_is_explained_as_it_was_judged_and_a_late_run_changes_no_reason() -> None:
    one = UUID(int=1)
    state = RunState(run_id=one, event_id=one, track_id=1, color=Color.RED, transition=Transition.BROKE, streak=1)
    judged = JudgedState(transition=Transition.STILL_BROKEN, streak=2, is_late=False)
    of_run, routes = replace(FAILED, run=state), [route(transition="still_broken")]

    [decision] = explain(judge(of_run, routes, verdicts={0: Verdict.MATCHED}, run=judged), of_run)
    [alone] = explain(judge(of_run, [route(transition="broke")], verdicts={0: Verdict.MATCHED}, run=None), of_run)

    assert (decision.verdict_today, decision.reason) == (None, "transition still_broken matches still_broken")
    assert (alone.verdict_today, alone.reason) == (None, "transition broke matches broke")


def test_absent_facts_are_those_that_an_event_lacks() -> None:
    assert absent_facts(FAILED) == AbsentFacts.TAG | AbsentFacts.PULL_REQUEST | AbsentFacts.QUEUE
    assert absent_facts(replace(UNPLACED, actor=UNSIGNED.actor)) == (
        AbsentFacts.LOGIN
        | AbsentFacts.NAME
        | AbsentFacts.BRANCH
        | AbsentFacts.TAG
        | AbsentFacts.PULL_REQUEST
        | AbsentFacts.QUEUE
    )


def test_route_that_matched_says_nothing_of_facts_that_could_not_be_asked() -> None:
    routes = [route(actor="!bob"), route(branch="main")]
    judgment = judge(UNSIGNED, routes, notes=JudgmentNotes(unknown={DetailKind.ACTOR: ("no token",)}))

    assert explain(judgment, UNSIGNED) == decide(UNSIGNED, routes)
