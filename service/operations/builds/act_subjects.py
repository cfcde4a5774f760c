"""The workflow that a person names to act on: by its own id, or by an event's."""

from uuid import UUID

from service.db.database import Store
from service.errors import BadRequest, NotFound
from service.model import Event
from service.operations import ids
from service.operations.ids import Noun
from service.store.events import events
from service.store.runs import runs


async def find_workflow(store: Store, written: str) -> tuple[UUID, str]:
    """Return the id of a workflow, and its name in words.

    written   an id of a workflow, known here or not; or an event's id, or its beginning
    Raises BadRequest or NotFound.
    """
    try:
        whole = UUID(written)
    except ValueError:
        _, found = await ids.find(store, written, Noun.EVENT)
        return _of_event(await store.read(events.find, found))
    if run := (await store.read(runs.find_all, [whole])).get(whole):
        return whole, name_of(await store.read(events.find, run.event_id))
    try:
        return _of_event(await store.read(events.find, whole))
    except NotFound:
        return whole, f"workflow {whole}"


def _of_event(event: Event) -> tuple[UUID, str]:
    try:
        return UUID(event.workflow.id or ""), name_of(event)
    except ValueError as error:
        raise BadRequest(f"event {event.id} names no workflow, so there is nothing to act on") from error


def name_of(event: Event) -> str:
    """Return the words for the workflow of an event."""
    place = event.branch or event.tag or ""
    return " ".join(filter(None, (event.workflow.name, "of", event.project_name, place)))
