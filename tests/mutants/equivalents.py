"""Lines whose changes no test can notice: they are not drawn."""

FASTER = frozenset(
    {
        "if not has_wildcards(name):",
        'return f"[{escaped}]" if escaped in "*?[" else escaped',
        "if not findable:",
        "if any(map(has_wildcards, matcher.patterns)):",
        "if names and not matcher.excluded:",
    }
)
"""Lines that choose the faster of two ways to one result."""
