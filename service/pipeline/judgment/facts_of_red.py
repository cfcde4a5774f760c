"""The facts of a message about a red run, worked out once for all its channels."""

from dataclasses import replace
from functools import partial

from service.db.tables import Transaction
from service.model import Color, Details, Event, MessageFacts
from service.pipeline.context import Context
from service.pipeline.judgment.red_facts import red_facts


def with_red_facts(
    transaction: Transaction, context: Context, facts: MessageFacts, event: Event, *, details: Details | None
) -> MessageFacts:
    """Return the facts of a message with those of its run, if that is red."""
    if event.run is None or event.run.color is not Color.RED:
        return facts
    now = context.clock()
    work_out = partial(red_facts, transaction, event, details, now)
    red = context.recent_facts.find(event, details, now, work_out)
    url = red.culprits.compare_url
    return replace(facts, red=red, usual_ms=red.usual_ms, compare_url=url, green_since=red.green_since)
