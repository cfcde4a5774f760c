"""The version control facts of a pipeline: branch or tag, revision and commit.

They stand in different places of the payload, depending on the kind of git server.
"""

from service.circleci.links import commit_url
from service.circleci.webhook.payload import NON_GIT_MAPS, PipelineShape, TriggerParameters
from service.model import Commit, Vcs


def vcs_of(pipeline: PipelineShape) -> Vcs:
    """Return branch or tag, never both, with revision and commit subject."""
    vcs, git = pipeline.vcs, pipeline.git
    tag = vcs.tag or git.tag or ref_name(git, "refs/tags/")
    return Vcs(
        branch=None if tag else vcs.branch or git.branch or ref_name(git, "refs/heads/"),
        tag=tag,
        revision=vcs.revision or git.checkout_sha or git.commit_sha,
        subject=first_line(vcs.commit.subject or git.commit_title or git.commit_message),
    )


def commit_of(pipeline: PipelineShape, facts: Vcs) -> Commit:
    """Return the commit with its subject, author and web page.

    facts   what ``vcs_of`` returns
    """
    vcs, git = pipeline.vcs, pipeline.git
    repository = vcs.target_repository_url or git.web_url or git.repo_url or git.checkout_url
    return Commit(
        subject=facts.subject,
        author_name=vcs.commit.author.name or git.commit_author_name,
        author_email=vcs.commit.author.email or git.commit_author_email,
        url=commit_url(repository, provider_of(pipeline), facts.revision),
    )


def circleci_of(pipeline: PipelineShape) -> TriggerParameters:
    """Return CircleCI's own map about the trigger.

    It has its type, the id of its actor, and that of the pipeline definition under its first name, "config source".
    """
    return pipeline.trigger_parameters.get("circleci", TriggerParameters())


def provider_of(pipeline: PipelineShape) -> str | None:
    """Return the kind of git server, for hosts whose name does not show it."""
    maps = [name for name in pipeline.trigger_parameters if name not in {*NON_GIT_MAPS, "git"}]
    return pipeline.vcs.provider_name or circleci_of(pipeline).trigger_type or next(iter(maps), None)


def ref_name(git: TriggerParameters, prefix: str) -> str | None:
    """Return the branch or tag of a full ref."""
    refs = (ref.removeprefix(prefix) for ref in (git.ref, git.full_ref) if ref and ref.startswith(prefix))
    return next(refs, None) or None


def first_line(text: str | None) -> str | None:
    """Return the subject of a commit message."""
    return text.splitlines()[0].rstrip() if text else None
