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

OF_INDEXES = {
    "is_unsent": ("notifications.c.state ==", "_is_pending", "_IS_DEAD", "text(\"state = 'dead'\")"),
    "_is_told_in": ("notifications.c.told_in ==",),
}
"""Conditions of partial indexes, and the beginnings of narrower ones: beside these they choose a plan, and no rows."""
