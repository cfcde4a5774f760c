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
    }
)
"""Lines with a bound that may be wider, or at which both ways have one result."""
TYPED = frozenset(
    {
        'put=lambda event, kind: replace(event, kind=EventKind(kind or "")),',
        "return (notification.receiver, *group.by, *(fact for fact in shared if fact))",
    }
)
"""Lines with a condition for the checker of types, which always holds or changes no error."""
EQUIVALENT = FASTER | ROOMY | TYPED
