"""The schema of CircleCI's webhook payloads, with the fields that we read.

Source: CircleCI docs, "Outbound webhooks reference". GitHub OAuth and Bitbucket Cloud describe the commit in
``pipeline.vcs``; GitHub App, GitLab and Bitbucket Data Center in the maps of ``pipeline.trigger_parameters``.
"""

from functools import cached_property
from itertools import islice
from typing import Annotated

from pydantic import BeforeValidator, Field

from service.circleci.json_fields import Number, Shape, Text, Time
from service.text import clean

NON_GIT_MAPS = ("circleci", "webhook")
MAX_MAPS = 20  # of a pipeline's trigger; CircleCI sends four at most


def read_map_of_maps(value: object) -> dict[str, object]:
    """Return the first ``MAX_MAPS`` maps in a map; values of other types are ignored."""
    if not isinstance(value, dict):
        return {}
    maps = ((clean(key), item) for key, item in value.items() if isinstance(item, dict))
    return dict(islice(maps, MAX_MAPS))


class PersonShape(Shape):
    """The author of a commit."""

    name: Text = None
    email: Text = None


class CommitShape(Shape):
    """``pipeline.vcs.commit``: every field may be null, and is for API and tag builds."""

    subject: Text = None
    author: PersonShape = PersonShape()


class VcsShape(Shape):
    """``pipeline.vcs``."""

    provider_name: Text = None
    target_repository_url: Text = None
    origin_repository_url: Text = None
    review_id: Text = None
    review_url: Text = None
    revision: Text = None
    branch: Text = None
    tag: Text = None
    commit: CommitShape = CommitShape()


class TriggerParameters(Shape):
    """One map of ``pipeline.trigger_parameters``.

    It has the fields of ``git``, of the providers' maps and of ``circleci``.
    """

    actor_id: Text = None
    trigger_type: Text = None
    config_source_id: Text = None
    branch: Text = None
    tag: Text = None
    ref: Text = None
    full_ref: Text = None
    checkout_sha: Text = None
    default_branch: Text = None
    commit_sha: Text = None
    commit_title: Text = None
    commit_message: Text = None
    commit_author_name: Text = None
    commit_author_email: Text = None
    web_url: Text = None
    repo_url: Text = None
    checkout_url: Text = None


class TriggerShape(Shape):
    """``pipeline.trigger``."""

    type: Text = None


class PipelineShape(Shape):
    """``pipeline``; the API answers a pipeline in this shape too."""

    id: Text = None
    number: Number = None
    trigger: TriggerShape = TriggerShape()
    vcs: VcsShape = VcsShape()
    trigger_parameters: Annotated[dict[str, TriggerParameters], BeforeValidator(read_map_of_maps)] = Field(
        default_factory=dict
    )

    @cached_property
    def git(self) -> TriggerParameters:
        """All maps about git merged into one.

        The map ``git`` takes precedence over the provider's. CircleCI's documentation calls the latter ``gitlab`` for
        every provider; real GitHub App payloads call it ``github_app``.
        """
        maps = sorted(self.trigger_parameters.items(), key=lambda item: item[0] != "git")
        merged: dict[str, object] = {}
        for name, fields in maps:
            if name not in NON_GIT_MAPS:
                merged = {key: value for key, value in fields if value is not None} | merged
        return TriggerParameters.model_validate(merged)


class NamedShape(Shape):
    """``project`` and ``organization``."""

    id: Text = None
    slug: Text = None
    name: Text = None


class WorkflowShape(Shape):
    """``workflow``; ``status`` only in workflow-completed."""

    id: Text = None
    name: Text = None
    status: Text = None
    url: Text = None
    created_at: Time = None
    stopped_at: Time = None


class JobShape(Shape):
    """``job``, only in job-completed."""

    id: Text = None
    name: Text = None
    number: Number = None
    status: Text = None
    started_at: Time = None
    stopped_at: Time = None


class Payload(Shape):
    """The body of a post."""

    type: Text = None
    happened_at: Time = None
    project: NamedShape = NamedShape()
    organization: NamedShape = NamedShape()
    pipeline: PipelineShape = PipelineShape()
    workflow: WorkflowShape = WorkflowShape()
    job: JobShape = JobShape()
