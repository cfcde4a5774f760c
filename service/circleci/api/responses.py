"""The schemas of the API's answers, with the fields that we read.

Source: CircleCI API v2 reference. A pipeline has the shape that webhooks carry: see ``payload``.
"""

from typing import Annotated

from pydantic import BeforeValidator

from service.circleci.json_fields import Flag, IsSet, Number, Prose, Seconds, Shape, Text, Texts, Time, Token, read_maps


class V3ErrorShape(Shape):
    """The error in an answer of API v3."""

    id: Text = None
    type: Text = None
    title: Text = None
    detail: Text = None


def read_v3_error(value: object) -> object:
    """Return the error of v3 as a map, even if it is only a sentence."""
    return {"detail": value} if isinstance(value, str) else value


class ErrorShape(Shape):
    """An answer that is not a success.

    v2 has a message, v3 an error with an id for CircleCI's support.
    """

    message: Text = None
    error: Annotated[V3ErrorShape, BeforeValidator(read_v3_error)] = V3ErrorShape()

    @property
    def text(self) -> str | None:
        """Return CircleCI's own message, if there is one."""
        words = dict.fromkeys(filter(None, (self.error.title, self.error.detail)))
        return self.message or ": ".join(words) or self.error.type


class ListAnswer(Shape):
    """A page of a list, without its items."""

    next_page_token: Token = None


class UserShape(Shape):
    """GET /user/{id} and GET /me."""

    id: Text = None
    login: Text = None
    name: Text = None


class ProjectShape(Shape):
    """GET /project/{slug}."""

    id: Text = None


class WorkflowAnswer(Shape):
    """GET /workflow/{id}."""

    started_by: Text = None


class ListedJob(Shape):
    """An item of GET /workflow/{id}/job; an approval has no number."""

    name: Text = None
    status: Text = None
    type: Text = None
    job_number: Number = None
    started_at: Time = None
    stopped_at: Time = None


class JobMessage(Shape):
    """A message of CircleCI about a job, such as the reason why it could not start."""

    message: Prose = None


class JobAnswer(Shape):
    """GET /project/{slug}/job/{number}; ``duration`` is in milliseconds."""

    web_url: Text = None
    duration: Number = None
    messages: Annotated[tuple[JobMessage, ...], BeforeValidator(read_maps)] = ()


class TestShape(Shape):
    """An item of GET /project/{slug}/{number}/tests; ``result`` is an open set."""

    name: Text = None
    classname: Text = None
    file: Text = None
    message: Prose = None
    result: Text = None
    run_time: Seconds = None

    __test__ = False  # pytest would take the name for a test class


class HookShape(Shape):
    """An outbound webhook; its signing secret comes masked, and is absent without one."""

    id: Text = None
    name: Text = None
    url: Text = None
    events: Texts = ()
    verify_tls: Flag = False
    signing_secret: IsSet = False
