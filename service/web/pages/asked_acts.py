"""Parts that the pages of acts share: the id of a form, and the words of a record."""

from uuid import UUID

from service.errors import BadRequest
from service.model.build_acts import ActVerb
from service.text import humanize

TITLES = {ActVerb.RERUN_FAILED: "Rerun from failed"}
UNDER_WAY = (
    "CircleCI's answer is not on record yet. If it is still missing in a minute, look at CircleCI before you try again."
)


def title_of(verb: ActVerb) -> str:
    """Return the words of an act for headings and buttons."""
    return TITLES.get(verb, humanize(verb).capitalize())


def once_of(form: dict[str, str]) -> UUID:
    """Return the id by which a form acts once. Raises BadRequest."""
    try:
        return UUID(form.get("once", ""))
    except ValueError as error:
        raise BadRequest("the form is not whole: open its page again, and press the button there") from error


def split_reason(reason: str) -> tuple[str, str]:
    """Return outcome and words of a record such as ``done: pipeline 7 was started``."""
    outcome, _, words = reason.partition(": ")
    return outcome, words
