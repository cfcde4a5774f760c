"""Metrics of builds, by project, workflow and branch; their number is capped."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from service.model import Color, Event, EventKind, Via
from service.model.same_names import mark_of

MAX_WORKFLOWS = 500
"""Workflows with series. Each has about 15, and Prometheus keeps all of a scrape in memory."""
MAX_RUNS = 10_000  # remembered, so that a run of which several posts tell is counted once
MAX_LABEL_CHARACTERS = 200
UP_TO_2_H = (15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200)
LABELS = ("project", "workflow", "branch")
RESULTS = ("success", "failed")  # from the start, as 0: a rate needs a first value


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """The labels of the series of one workflow of a default branch."""

    project: str
    workflow: str
    branch: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the values of the labels, cut to a length that a dashboard can show."""
        return tuple(value[:MAX_LABEL_CHARACTERS] for value in (self.project, self.workflow, self.branch))


class BuildMetrics:
    """Counts the runs of default branches that this process judged.

    Their labels name projects, so they stand in a registry of their own: /metrics shows it with a credential alone.
    """

    def __init__(self, max_workflows: int = MAX_WORKFLOWS) -> None:
        self.registry = CollectorRegistry()
        self._max_workflows = max_workflows
        self._marks: Mapping[str, str] = {}
        self._known: set[tuple[str, ...]] = set()
        self._runs: OrderedDict[UUID, None] = OrderedDict()
        self._seconds = Histogram(
            "roundsman_workflow_duration_seconds",
            "Duration of runs of default branches that succeeded or failed",
            LABELS,
            registry=self.registry,
            buckets=UP_TO_2_H,
        )
        self._results = Counter(
            "roundsman_workflow_runs",
            "Runs of default branches, by result",
            (*LABELS, "result"),
            registry=self.registry,
        )
        self._red_since = Gauge(
            "roundsman_workflow_red_since_timestamp_seconds",
            "Time since which a workflow of a default branch is red; 0: it is not",
            LABELS,
            registry=self.registry,
        )
        self._workflows_cut = Gauge(
            "roundsman_workflows_without_series",
            f"Workflows of default branches beyond the first {max_workflows}, which have no series",
            registry=self.registry,
        )
        self._runs_cut = Counter(
            "roundsman_workflow_runs_without_series", "Runs of workflows that have no series", registry=self.registry
        )

    def count(self, event: Event) -> None:
        """Count the run of an event, once, if it is of a default branch."""
        run = event.run
        if event.kind is not EventKind.WORKFLOW_COMPLETED or event.via is not Via.WEBHOOK or run is None:
            return
        if not run.is_of_default_branch or run.run_id in self._runs:
            return
        self._runs[run.run_id] = None
        if len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        project = (event.project_name or "") + mark_of(self._marks, event.project.slug)
        workflow = Workflow(project=project, workflow=event.workflow.name or "", branch=event.branch or "")
        if not self._admit(workflow.labels):
            self._runs_cut.inc()
            return
        self._results.labels(*workflow.labels, (event.status or "unknown")[:MAX_LABEL_CHARACTERS]).inc()
        if run.color is not Color.GREY and event.duration_ms is not None:  # a canceled run ends at any time
            self._seconds.labels(*workflow.labels).observe(event.duration_ms / 1000)

    def set_red(
        self, red_since: Mapping[Workflow, datetime | None], *, cut: int, marks: Mapping[str, str] | None = None
    ) -> None:
        """Set since when workflows are red, None for those that are not.

        cut     the number of workflows that were left out already
        marks   what tells projects of one name apart, by slug: runs are counted under the same names from now on
        """
        self._marks = marks or {}
        self._red_since.clear()
        for workflow, since in red_since.items():
            if self._admit(workflow.labels):
                self._red_since.labels(*workflow.labels).set(since.timestamp() if since else 0)
            else:
                cut += 1
        self._workflows_cut.set(cut)

    def clear_red(self) -> None:
        """Leave out since when workflows are red: the database is away."""
        self._red_since.clear()

    def text(self) -> bytes:
        """Return the Prometheus exposition text, version 0.0.4."""
        return generate_latest(self.registry)

    def _admit(self, labels: tuple[str, ...]) -> bool:
        """Return whether a workflow has series; if there is room, it gets them."""
        if labels in self._known:
            return True
        if len(self._known) >= self._max_workflows:
            return False
        self._known.add(labels)
        self._seconds.labels(*labels)
        for result in RESULTS:
            self._results.labels(*labels, result)
        return True
