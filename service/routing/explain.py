"""The decisions of a recorded judgment, with reasons worked out by today's rules."""

from collections.abc import Iterator
from dataclasses import replace

from service.model import Decision, Event, Judgment, JudgmentNotes, Route, Verdict
from service.routing.absent_facts import without_facts
from service.routing.decide import decide, missing_facts

# what was told before, and what people hold back, is no matter of routes and event
_DECIDED_AS = dict.fromkeys(
    (Verdict.ALREADY_TOLD, Verdict.LATE, Verdict.NO_NEWS, Verdict.MUTED, Verdict.SILENCED), Verdict.MATCHED
)


def explain(judgment: Judgment, event: Event) -> list[Decision]:
    """Return the decision of each route in a judgment of the event.

    The verdicts are those on record. A reason follows from the event as it was judged and the routes of that time,
    by this release's rules: where these lead to another verdict, the decision says so.
    """
    if judgment.version is None:
        return list(_as_written(judgment) if judgment.notes.texts else _without_routes(judgment))
    routes = judgment.version.routes
    judged = _as_judged(without_facts(judgment.notes.event or event, judgment.absent), judgment)
    today = decide(judged, routes)
    return [_explain(judgment, decision, judged, route) for decision, route in zip(today, routes, strict=True)]


def _as_judged(event: Event, judgment: Judgment) -> Event:
    """Return the event with its run and the facts of it, as at the judgment."""
    event = replace(event, facts=judgment.notes.facts)
    if event.run is None or judgment.run is None:
        return replace(event, run=None)
    return replace(event, run=replace(event.run, **vars(judgment.run)))


def _as_written(judgment: Judgment) -> Iterator[Decision]:
    for position, (route, receiver, reason) in enumerate(judgment.notes.texts):
        verdict = judgment.verdicts.get(position, Verdict.NOT_MATCHED)
        yield Decision(position=position, route=route, receiver=receiver, verdict=verdict, reason=reason)


def _without_routes(judgment: Judgment) -> Iterator[Decision]:
    for position, verdict in sorted(judgment.verdicts.items()):
        name, reason = f"route {position + 1}", "the routes of that time are no longer on record"
        yield Decision(position=position, route=name, receiver="?", verdict=verdict, reason=reason)


def _explain(judgment: Judgment, today: Decision, judged: Event, route: Route) -> Decision:
    recorded = judgment.verdicts.get(today.position, Verdict.NOT_MATCHED)
    reason = _with_notes(judgment.notes, today, judged, route)
    if today.verdict is _DECIDED_AS.get(recorded, recorded):
        return replace(today, verdict=recorded, reason=reason)
    return replace(today, verdict=recorded, verdict_today=today.verdict, reason=reason)


def _with_notes(notes: JudgmentNotes, today: Decision, judged: Event, route: Route) -> str:
    """Return the reason with what was added to it at the judgment."""
    reason = "; ".join([today.reason, *notes.remarks.get(today.position, ())])
    if today.verdict is not Verdict.NOT_MATCHED or not notes.unknown:
        return reason
    wants = missing_facts(judged, [route])
    unknown = sorted({said for want in wants for said in notes.unknown.get(want, ())})
    return f"{reason} (it could not be asked: {'; '.join(unknown)})" if unknown else reason
