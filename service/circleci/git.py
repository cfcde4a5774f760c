"""What a pipeline built: branch or tag, revision and commit, from wherever CircleCI wrote it."""

from service.circleci.links import commit_url
from service.circleci.webhook.payload import PipelineShape, TriggerParameters
from service.model import Commit, Vcs

NON_GIT_MAPS = ("circleci", "webhook")


def vcs_of(pipeline: PipelineShape) -> Vcs:
    """Branch or tag, never both, with revision and the first line of the commit's message."""
    vcs, git = pipeline.vcs, git_of(pipeline)
    tag = vcs.tag or git.tag or ref_name(git, "refs/tags/")
    return Vcs(
        branch=None if tag else vcs.branch or git.branch or ref_name(git, "refs/heads/"),
        tag=tag,
        revision=vcs.revision or git.checkout_sha or git.commit_sha,
        subject=first_line(vcs.commit.subject or git.commit_title or git.commit_message),
    )


def commit_of(pipeline: PipelineShape) -> Commit:
    """The commit as people know it: its subject, its author and its page."""
    vcs, git = pipeline.vcs, git_of(pipeline)
    facts = vcs_of(pipeline)
    repository = vcs.target_repository_url or git.web_url or git.repo_url or git.checkout_url
    return Commit(
        subject=facts.subject,
        author_name=vcs.commit.author.name or git.commit_author_name,
        author_email=vcs.commit.author.email or git.commit_author_email,
        url=commit_url(repository, provider_of(pipeline), facts.revision),
    )


def circleci_of(pipeline: PipelineShape) -> TriggerParameters:
    """What CircleCI says of the trigger itself: its type and who pulled it."""
    return pipeline.trigger_parameters.get("circleci", TriggerParameters())


def git_of(pipeline: PipelineShape) -> TriggerParameters:
    """All maps about git as one: ``git`` is believed first, then the provider's, whatever it is called.

    The documents call it ``gitlab`` for every provider; real GitHub App payloads call it ``github_app``.
    """
    maps = sorted(pipeline.trigger_parameters.items(), key=lambda named_map: named_map[0] != "git")
    said: dict[str, object] = {}
    for name, leaves in maps:
        if name not in NON_GIT_MAPS:
            said = {leaf: value for leaf, value in leaves if value is not None} | said
    return TriggerParameters.model_validate(said)


def provider_of(pipeline: PipelineShape) -> str | None:
    """The kind of git server, for hosts whose name does not tell."""
    maps = [name for name in pipeline.trigger_parameters if name not in {*NON_GIT_MAPS, "git"}]
    return pipeline.vcs.provider_name or circleci_of(pipeline).trigger_type or next(iter(maps), None)


def ref_name(git: TriggerParameters, prefix: str) -> str | None:
    """The branch or tag that a full ref names."""
    refs = (ref.removeprefix(prefix) for ref in (git.ref, git.full_ref) if ref and ref.startswith(prefix))
    return next(refs, None) or None


def first_line(text: str | None) -> str | None:
    """The subject of a commit message."""
    return text.splitlines()[0].rstrip() if text else None
