"""The figures that Roundsman is held to, measured; ``python -m tests.bench.history`` is the first."""
