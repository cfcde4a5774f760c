"""What we count: one registry for each process, handed to whoever counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Every counter of the service, under names that dashboards and alerts rely on.

    Labels never carry names of projects or people, so that /metrics may be read by a scraper without a credential.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = self._counter("deliveries", "Posts at the hook, by what became of them", "result")
        self.events = self._counter("events", "Events put on record", "kind")
        self.decisions = self._counter("decisions", "What routes said of events", "verdict")
        self.attempts = self._counter("attempts", "Tries at sending", "channel", "outcome")
        self.dead_letters = self._counter("dead_letters", "What was given up and waits for a person", "what")
        self.api_calls = self._counter("circleci_calls", "Calls to CircleCI's API", "endpoint", "status")
        self.api_waits = self._counter("circleci_rate_limit_waits", "Times CircleCI told us to wait")
        self.api_seconds = Histogram(
            "roundsman_circleci_call_seconds",
            "How long CircleCI's API took to answer",
            ["endpoint"],
            registry=self.registry,
        )

        self.queue_depth = Gauge("roundsman_queue_depth", "Jobs that are due", registry=self.registry)
        self.queue_age = Gauge(
            "roundsman_queue_oldest_age_seconds", "For how long the oldest of them has been", registry=self.registry
        )

    def _counter(self, name: str, sentence: str, *labels: str) -> Counter:
        return Counter(f"roundsman_{name}", sentence, labels, registry=self.registry)

    def text(self) -> bytes:
        """The Prometheus exposition text, version 0.0.4."""
        return generate_latest(self.registry)
