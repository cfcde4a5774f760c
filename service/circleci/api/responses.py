"""The schemas of the API's answers, with the fields that we read.

Source: CircleCI API v2 reference. A pipeline has the shape that webhooks carry: see ``payload``.
"""

from typing import Annotated, Any

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


class Cursors(Shape):
    """The cursors of a page of API v3; none, null and an empty text end the list."""

    next: Token = None


class ListAnswer(Shape):
    """A page of a list, without its items; v3 names the next one in ``page``."""

    next_page_token: Token = None
    page: Cursors = Cursors()


class UserShape(Shape):
    """A person."""

    id: Text = None
    login: Text = None
    name: Text = None


class ProjectVcs(Shape):
    """The repository of a project."""

    default_branch: Text = None


class BranchesAnswer(Shape):
    """The branches of a project; at most 5,000."""

    branches: Texts = ()


class ProjectShape(Shape):
    """A project."""

    id: Text = None
    slug: Text = None
    name: Text = None
    organization_name: Text = None
    organization_id: Text = None
    organization_slug: Text = None
    vcs_info: ProjectVcs = ProjectVcs()


class WorkflowAnswer(Shape):
    """A workflow; only automatic reruns have a number."""

    started_by: Text = None
    status: Text = None
    pipeline_id: Text = None
    project_slug: Text = None
    name: Text = None
    auto_rerun_number: Number = None
    max_auto_reruns: Number = None
    tag: Text = None


class ListedJob(Shape):
    """A job in the list of a workflow; an approval has no number."""

    id: Text = None
    name: Text = None
    status: Text = None
    type: Text = None
    job_number: Number = None
    started_at: Time = None
    stopped_at: Time = None
    dependencies: Texts = ()
    approval_request_id: Text = None
    approved_by: Text = None


class JobMessage(Shape):
    """A message of CircleCI about a job, such as the reason why it could not start."""

    message: Prose = None


class JobAnswer(Shape):
    """A job; ``duration`` is in milliseconds."""

    web_url: Text = None
    duration: Number = None
    messages: Annotated[tuple[JobMessage, ...], BeforeValidator(read_maps)] = ()


class JobStepsAnswer(Shape):
    """A job of API v3, whose steps are read by hand."""

    data: Any = None


class BuildAnswer(Shape):
    """A job of API v1.1, whose steps are read by hand."""

    steps: Any = None


class TestShape(Shape):
    """A test result; ``result`` is an open set."""

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
