"""The rows of the builds page: reruns below the newest run, and jobs on demand."""

from collections.abc import Sequence
from uuid import UUID

from service.db.tables import Transaction
from service.model import EventKind
from service.model.same_names import mark_of, tell_apart
from service.operations import queries
from service.operations.json_shapes import Json, details_json
from service.store.events import events
from service.web.pages.build_addresses import address
from service.web.pages.search_form import Asked

MAX_JOBS = 100


def nest(items: Sequence[Json]) -> list[Json]:
    """Return rows with the runs of a workflow and pipeline together, newest first.

    is_nested   a row below another one, of which it is an earlier run
    """
    together: dict[object, list[Json]] = {}
    for item in items:
        together.setdefault(_key(item), []).append(item)
    return [{**one, "is_nested": number > 0} for same in together.values() for number, one in enumerate(same)]


def _key(item: Json) -> object:
    """Return the pipeline and workflow of a run; of anything else, what none shares."""
    pipeline, workflow = item["pipeline"]["id"], item["workflow"]["name"]
    is_run = item["kind"] == EventKind.WORKFLOW_COMPLETED and pipeline and workflow
    return (item["project"]["id"] or item["project"]["slug"], pipeline, workflow) if is_run else item["id"]


def with_jobs(transaction: Transaction, items: Sequence[Json], asked: Asked) -> list[Json]:
    """Return runs with the address that shows or hides their jobs.

    jobs   those of the run that is unfolded, or None
    mark   what stands behind the name of its project
    Raises BadRequest for what is no id.
    """
    wanted = str(queries.to_id(asked.jobs)) if asked.jobs else None
    hiding = address(asked.filters, **({"cursor": asked.cursor} if asked.cursor else {}))
    marks = tell_apart((item["project"]["full_name"], item["project"]["slug"]) for item in items)
    showing = f"{hiding}{'&' if '?' in hiding else '?'}jobs="
    return [
        {
            **item,
            "mark": mark_of(marks, item["project"]["slug"]),
            "jobs": _read_jobs(transaction, UUID(item["id"])) if item["id"] == wanted else None,
            "jobs_address": hiding if item["id"] == wanted else showing + item["id"],
        }
        for item in items
    ]


def _read_jobs(transaction: Transaction, event_id: UUID) -> list[Json]:
    """Return the jobs that CircleCI told; none if it was not asked."""
    details = details_json(events.find_details(transaction, event_id))
    return list((details or {}).get("jobs") or ())[:MAX_JOBS]
