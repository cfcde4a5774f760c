"""Prometheus metrics: one registry for each process."""

import math
from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from itertools import product

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from service.build_metrics import BuildMetrics
from service.model import AlarmKind, EventKind, Verdict

RESULTS = ("kept", "duplicate", "bad_signature", "refused", "not_kept", "broken_off")
DEAD = ("delivery", "notification")
SPAN_RESULTS = ("kept", "rejected", "refused", "not_kept")
LIMITS = ("all", "client")
CIRCLECI_TOKEN = "ROUNDSMAN_CIRCLECI_TOKEN"  # noqa: S105 - the name of a variable
LOGIN_WAYS = ("api", "pages", "link", "key", "openid")
LOGIN_REFUSALS = ("wrong", "too_many")
# The ``_created`` series (the time of each first value) would be a third of all lines, and no dashboard reads them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # reason: the library does not say that it returns nothing

UP_TO_10_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 8, 10)  # CircleCI gives up after 10 s
UP_TO_2_MIN = (0.005, 0.02, 0.1, 0.5, 1, 5, 15, 30, 60, 120)  # the longest wait of a job that calls CircleCI

UP_TO_1_H = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)
POSTED = (EventKind.WORKFLOW_COMPLETED, EventKind.JOB_COMPLETED)  # by CircleCI


class Metrics:
    """Every metric of the service; dashboards and alerts rely on the names.

    docs/monitoring.md lists them. Labels never carry names of projects or people, so that a scraper may read /metrics
    without a credential; those of builds, which do, are apart in ``builds``.
    Series with known label values exist from the start, as 0: a rate needs a first value.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.builds = BuildMetrics()
        ProcessCollector(namespace="roundsman", registry=self.registry)
        self.build = Info("roundsman_build", "The release, role and database of this process", registry=self.registry)

        self.deliveries = self._counter("deliveries", "Posts at the hook, by result", "result")
        self.connections_refused = self._counter(
            "connections_refused", "Connections and requests refused, by the limit that was reached", "limit"
        )
        self.signed = self._counter("signed", "Posts kept, by the number of the secret that signed them", "secret")
        self.events = self._counter("events", "Events recorded", "kind")
        self.decisions = self._counter("decisions", "Decisions of routes, by verdict", "verdict")
        self.attempts = self._counter("attempts", "Attempts to send a notification", "channel", "outcome")
        self.dead_letters = self._counter("dead_letters", "Dead letters made, by kind", "what")
        self.api_calls = self._counter("circleci_calls", "Calls to CircleCI's API", "path", "status")
        self.api_waits = self._counter("circleci_rate_limit_waits", "Rate limits reported by CircleCI")
        self.api_breaker_open = self._gauge(
            "circleci_breaker_open", "1 while calls to CircleCI are suspended after several without an answer, else 0"
        )
        self.logins_refused = self._counter(
            "logins_refused", "Credentials refused, by login and reason", "door", "reason"
        )
        self.api_seconds = self._histogram("circleci_call_seconds", "Duration of calls to CircleCI's API", "path")
        self.request_seconds = self._histogram("request_seconds", "Duration of requests", "route", upto=UP_TO_10_S)
        self.job_seconds = self._histogram("job_seconds", "Duration of jobs", "kind", "outcome", upto=UP_TO_2_MIN)

        self.clock_offset = self._gauge(
            "clock_offset_seconds", "Lead of this machine's clock over the database's, at the last comparison"
        )

        # read from the tables for each request of /metrics: true of all processes together, so each reports the same
        self.database_up = self._gauge(
            "database_up", "1 if the database accepted a row of this process just now, else 0"
        )
        self.queue_depth = self._gauge("queue_depth", "Jobs due")
        self.queue_age = self._gauge("queue_oldest_age_seconds", "Age of the oldest due job")
        self.last_poll = self._gauge(
            "worker_last_look_timestamp_seconds", "Time of the last poll for jobs by any worker; 0: none"
        )
        self.poll_age = self._gauge(
            "worker_silent_seconds", "Time since the last poll for jobs by any worker; +Inf: none"
        )
        self.dead_letters_present = self._gauge("dead_letters_waiting", "Dead letters at present, by kind", "what")
        self.unexplained_runs = self._gauge(
            "unexplained_runs", "Workflows of the last day that a span told of, and no webhook within minutes"
        )
        self._create_seal_gauges()
        self._create_alarm_gauges()
        self._create_known_series()

    def _create_seal_gauges(self) -> None:
        self.seal_age = self._gauge("seal_age_seconds", "Age of the newest seal of the audit chain; +Inf: none")
        self.uncovered = self._gauge("uncovered_seconds", "Time up to now that no seal covers; +Inf: there is no seal")

    def _create_alarm_gauges(self) -> None:
        self.alarms_open = self._gauge("alarms_open", "Alarms of Roundsman's own at present, by kind", "kind")
        self.token_refused = self._gauge(
            "token_refused", "1 if CircleCI refused the token of a setting at the last call with it, else 0", "setting"
        )
        self.token_expires = self._gauge(
            "token_expires_timestamp_seconds", "Time at which the token of a setting ends; +Inf: not told", "setting"
        )
        _create_label_series(self.alarms_open, AlarmKind)
        _create_label_series(self.token_refused, (CIRCLECI_TOKEN,))
        self.token_expires.labels(CIRCLECI_TOKEN).set(math.inf)

    def _create_hook_gauges(self) -> None:
        self.hook_projects = self._gauge(
            "hook_projects",
            "Projects by the number of the secret that their last delivery verified with; 0: another, not configured",
            "secret",
        )
        self._secret_numbers: dict[str, int] = {}

    def _create_known_series(self) -> None:
        """Create the series of every label value that is known beforehand."""
        self._create_webhook_metrics()
        self._create_hook_gauges()
        _create_label_series(self.deliveries, RESULTS)
        self._create_span_metrics()
        _create_label_series(self.connections_refused, LIMITS)
        _create_label_series(self.events, EventKind)
        _create_label_series(self.decisions, Verdict)
        _create_label_series(self.dead_letters, DEAD)
        _create_label_series(self.dead_letters_present, DEAD)
        for door, reason in product(LOGIN_WAYS, LOGIN_REFUSALS):
            self.logins_refused.labels(door, reason)

    def _create_span_metrics(self) -> None:
        self.spans = self._counter("spans", "Spans of CircleCI's OpenTelemetry exporter, by result", "result")
        self.span_exports = self._counter(
            "span_exports", "Exports of spans taken, by the number of the token that they sent", "token"
        )
        _create_label_series(self.spans, SPAN_RESULTS)
        _create_label_series(self.span_exports, ("1",))

    def _create_webhook_metrics(self) -> None:
        """Create the metrics of the webhooks that CircleCI should have posted."""
        self.webhooks_missed = self._counter(
            "webhooks_missed", "Webhooks that did not come and were found by asking, by kind of event", "kind"
        )
        self.webhook_delay = self._histogram(
            "webhook_delay_seconds",
            "Time from the end of a workflow or job to its webhook",
            "kind",
            upto=UP_TO_1_H,
        )
        self.reconcile_waiting = self._gauge(
            "reconcile_pipelines_waiting", "Pipelines due to be asked for missed webhooks, at the last step"
        )
        self.reconcile_behind = self._gauge(
            "reconcile_behind_seconds", "Time by which the pipeline that waits longest to be asked for is overdue"
        )
        self.webhook_gap_ratio = self._gauge(
            "webhook_gap_ratio", "Share of the runs of a day whose webhook did not come or came late, at the last step"
        )
        _create_label_series(self.webhooks_missed, POSTED)
        _create_label_series(self.webhook_delay, POSTED)

    def expect_secrets(self, fingerprints: Sequence[str]) -> None:
        """Create the series of each configured webhook secret, numbered from 1."""
        self._secret_numbers = {fingerprint: number for number, fingerprint in enumerate(fingerprints, 1)}
        numbers = [str(number) for number in range(1, len(fingerprints) + 1)]
        _create_label_series(self.signed, numbers)
        _create_label_series(self.hook_projects, ["0", *numbers])

    def count_hook_projects(self, fingerprints: Iterable[str]) -> None:
        """Count projects by the secrets of their last deliveries."""
        counts = Counts(self._secret_numbers.get(fingerprint, 0) for fingerprint in fingerprints)
        for number in {0, *self._secret_numbers.values()}:
            self.hook_projects.labels(str(number)).set(counts[number])

    def clear_database_gauges(self) -> None:
        """Set the gauges that come from the tables to NaN while the database is away.

        Their last values would be out of date.
        """
        present = [self.dead_letters_present.labels(kind) for kind in DEAD]
        present += [self.hook_projects.labels(str(number)) for number in {0, *self._secret_numbers.values()}]
        present += [self.alarms_open.labels(kind) for kind in AlarmKind]
        queue = (self.queue_depth, self.queue_age, self.last_poll, self.poll_age, self.unexplained_runs)
        for gauge in (*queue, self.seal_age, self.uncovered, *present):
            gauge.set(math.nan)

    def text(self) -> bytes:
        """Return the Prometheus exposition text, version 0.0.4."""
        return generate_latest(self.registry)

    def _counter(self, name: str, sentence: str, *labels: str) -> Counter:
        return Counter(f"roundsman_{name}", sentence, labels, registry=self.registry)

    def _gauge(self, name: str, sentence: str, *labels: str) -> Gauge:
        return Gauge(f"roundsman_{name}", sentence, labels, registry=self.registry)

    def _histogram(
        self, name: str, sentence: str, *labels: str, upto: tuple[float, ...] = Histogram.DEFAULT_BUCKETS
    ) -> Histogram:
        return Histogram(f"roundsman_{name}", sentence, labels, registry=self.registry, buckets=upto)


def _create_label_series(metric: Counter | Gauge | Histogram, values: Iterable[str]) -> None:
    for value in values:
        metric.labels(value)
