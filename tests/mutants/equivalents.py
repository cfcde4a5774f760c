"""Lines whose changes no test can notice: they are not drawn."""

FASTER = frozenset(
    {
        "if not has_wildcards(name):",
        'return f"[{escaped}]" if escaped in "*?[" else escaped',
        "if not findable:",
        "if any(map(has_wildcards, matcher.patterns)):",
        "if names and not matcher.excluded:",
        "if place not in self._tracks:",
    }
)
"""Lines that choose the faster of two ways to one result, or spare what was done before."""
ROOMY = frozenset(
    {
        "_SOME_TIME = datetime(2024, 6, 1, tzinfo=UTC)",
        "_TWICE = timedelta(hours=2)  # a clock that is put back shows no more than these again",
        "if len(text) > MAX_TEXT:",
        "VALID_FOR = timedelta(seconds=10)",
        "async def sweep(context: Context, *, max_lanes: int = 20) -> None:",
    }
)
"""Lines with a bound that may be wider, or at which both ways have one result."""
TYPED = frozenset(
    {
        'put=lambda event, kind: replace(event, kind=EventKind(kind or "")),',
        "return (notification.receiver, *group.by, *(fact for fact in shared if fact))",
        "return transaction.execute(counting).scalar() or 0",
        "return transaction.execute(telling).scalar() or 0",
        "return transaction.execute(select(func.count()).select_from(due)).scalar() or 0",
    }
)
"""Lines with a condition for the checker of types, which always holds or changes no error."""
EQUIVALENT = FASTER | ROOMY | TYPED
ALIKE = {
    "if key not in before and alarms.begin(transaction, alarm):": "if ((alarms.begin(transaction, alarm))):",
    "planned = plan_own(transaction, context, own, found.channels if found else ())": (
        "planned = plan_own(transaction, context, own, found.channels if (True) else ())"
    ),
    "if edits_due_at is not None and batch.incidents:": "if ((edits_due_at is not None)):",
    "if event.run and event.run.number_in_pipeline > 1": "if (True)",
    "if route is None or not route.mention:": "if ((route is None)):",
    "waiting = [one for one in workflows if one.status == ON_HOLD and one.id]": (
        "waiting = [one for one in workflows if ((one.status == ON_HOLD))]"
    ),
    "if workflow.id is None or workflow.created_at is None or workflow.stopped_at is None:": (
        "if ((workflow.created_at is None) or (workflow.stopped_at is None)):"
    ),
}
"""Lines, and a change of each that makes no difference; others of it do.

What is left out stands in another condition too: that of a statement, of a function that is called, or of the checker
of types.
"""

OF_INDEXES = {
    "is_unsent": ("notifications.c.state ==", "_is_pending", "_IS_DEAD", "text(\"state = 'dead'\")"),
    "_is_told_in": ("notifications.c.told_in ==",),
}
"""Conditions of partial indexes, and the beginnings of narrower ones: beside these they choose a plan, and no rows."""
