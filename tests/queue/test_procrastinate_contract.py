"""What is used of Procrastinate beyond its documented interface, held to the release that the lock names.

A newer release may change any of it without a word. Then a test here fails and names the part, what relies on it, and
what to do: read the change, mend what relies on it, and put the new digest or parameters into the table.
"""

import inspect
import re
from collections.abc import Callable
from hashlib import sha256
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from procrastinate import App, BaseRetryStrategy, PsycopgConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.tasks import Task
from procrastinate.worker import Worker

import service

VERSION = "3.10.0"
ROOT = Path(service.__file__).parent.parent
SCHEMA = resources.files("procrastinate.sql").joinpath("schema.sql").read_text(encoding="utf-8")

# part of the schema: the first twelve digits of its digest, and what relies on it
SQL = {
    "TYPE procrastinate_job_to_defer_v1": ("88dee82c10ef", "jobs are enqueued as values of it, field by field"),
    "TYPE procrastinate_job_status": ("79ff789ad6eb", "jobs are looked for by 'todo' and 'doing'"),
    "TABLE procrastinate_jobs": ("a8063b7ec0bf", "jobs are read, requeued and deleted there"),
    "TABLE procrastinate_workers": ("3822c1fef974", "heartbeats are read and written there"),
    "TABLE procrastinate_events": (
        "be15aa21a30c",
        "the time at which a job was enqueued is read there, and vacuumed early",
    ),
    "FUNCTION procrastinate_defer_jobs_v1": (
        "a146d24bb828",
        "jobs are enqueued by it in our transactions, with no NOTIFY",
    ),
    "FUNCTION procrastinate_finish_job_v1": ("3255c5eff58d", "a fence is put before it: only the holder ends a job"),
    "FUNCTION procrastinate_retry_job_v2": ("7ceb2e5f546e", "a fence is put before it: only the holder requeues a job"),
    "FUNCTION procrastinate_fetch_job_v2": ("cc5c9db470f3", "roundsman_fetch_job_v1 is the same for one queue"),
    "TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1": (
        "2c4afa1c5621",
        "a migration removes it: no NOTIFY in a commit",
    ),
    "FUNCTION procrastinate_notify_queue_job_inserted_v1": (
        "c24a55b9176c",
        "the way back of that migration uses it again",
    ),
}
# method: its parameters without self, and what relies on it
METHODS: dict[Callable[..., Any], tuple[str, str]] = {
    JobManager.fetch_job: ("queues worker_id", "FencedJobs replaces it"),
    JobManager.finish_job: ("job status delete_job", "FencedJobs replaces it"),
    JobManager.retry_job: ("job retry_at priority queue lock", "FencedJobs replaces it"),
    JobManager.defer_periodic_job: ("job periodic_id defer_timestamp", "the scheduler enqueues a period's job by it"),
    Job.from_row: ("row", "FencedJobs makes the fetched job by it"),
    PsycopgConnector.execute_query_one_async: ("query arguments", "FencedJobs fetches by it"),
    PsycopgConnector.execute_query_all_async: ("query arguments", "FencedJobs ends and requeues by it"),
    Task.configure: ("options", "the scheduler makes a period's job by it"),
    BaseRetryStrategy.get_retry_decision: ("exception job", "RequeueStrategy says when a job runs again"),
}
WORKER_OPTIONS = {
    *("queues", "concurrency", "listen_notify", "fetch_job_polling_interval", "shutdown_graceful_timeout"),
    *("delete_jobs", "install_signal_handlers", "update_heartbeat_interval", "stalled_worker_timeout"),
}
ASK = f"Procrastinate {version('procrastinate')} differs from {VERSION} in"


def digest(part: str) -> str:
    """The digest of a part of the schema, from CREATE to the semicolon that ends it."""
    end = r"\$\$;" if part.startswith("FUNCTION") else ";"
    found = re.search(rf"^CREATE {re.escape(part)}\b.*?{end}", SCHEMA, re.MULTILINE | re.DOTALL)
    assert found, f"{ASK} {part}, which is gone"
    return sha256(" ".join(found.group().split()).encode()).hexdigest()[:12]


def test_release_is_the_one_that_this_contract_was_read_from() -> None:
    assert version("procrastinate") == VERSION, "read what changed in the parts below, then name the new release here"


@pytest.mark.parametrize("part", SQL)
def test_part_of_the_schema_is_as_it_was(part: str) -> None:
    expected, relies = SQL[part]

    assert digest(part) == expected, f"{ASK} {part}, on which we rely: {relies}"


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__qualname__)
def test_method_takes_the_same_parameters(method: Callable[..., Any]) -> None:
    expected, relies = METHODS[method]
    parameters = " ".join(name for name in inspect.signature(method).parameters if name != "self")

    assert parameters == expected, f"{ASK} {method.__qualname__}, on which we rely: {relies}"


def test_worker_takes_our_options_and_is_woken_by_its_event() -> None:
    lacking = WORKER_OPTIONS - set(inspect.signature(Worker.__init__).parameters)
    waits = ("__init__", "_fetch_and_process_jobs", "_handle_notification", "_run_loop")
    unaware = [name for name in waits if "_new_job_event" not in inspect.getsource(getattr(Worker, name))]

    assert not lacking, f"{ASK} the options of a worker: it lacks {lacking}"
    assert not unaware, f"{ASK} how a worker is woken (WokenWorker): {unaware} do not know the event"


def test_worker_ends_and_requeues_by_the_manager_of_its_app() -> None:
    source = inspect.getsource(Worker)

    for method in ("fetch_job", "finish_job", "retry_job"):
        assert f"self.app.job_manager.{method}(" in source, f"{ASK} the worker: FencedJobs.{method} is passed by"
    assert "job_manager" in vars(App(connector=PsycopgConnector())), f"{ASK} App, whose manager we replace"


def test_states_of_jobs_are_those_that_our_statements_name() -> None:
    assert {"todo", "doing"} <= {status.value for status in Status}


def test_contract_names_all_that_our_statements_use() -> None:
    ours = re.compile(r"ix_procrastinate|queue\.procrastinate_sql|procrastinate_queue_v1")
    used = {
        name
        for path in [*ROOT.glob("service/**/*.py"), *ROOT.glob("migrations/versions/*.py")]
        for name in re.findall(r"\bprocrastinate_[a-z_0-9]+", ours.sub("", path.read_text(encoding="utf-8")))
    }

    assert used <= {part.split()[1] for part in SQL}
