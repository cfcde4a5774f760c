"""The webhooks of a run, in both documented families.

Projects connected by GitHub OAuth carry a ``vcs`` map, those of the GitHub App a ``trigger_parameters`` map.

Source: CircleCI docs, "Outbound webhooks reference"; the GitHub App's maps and the timing as users observed them.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from service.testing.fake_circleci.organization import ORG, ORG_ID, JobRun, Project, Run, stable_id

Payload = dict[str, Any]

JOB_EVENT_AFTER = timedelta(milliseconds=80)
WORKFLOW_EVENT_AFTER = timedelta(milliseconds=130)  # some 50 ms after its last job: either may arrive first


def stamp(moment: datetime) -> str:
    """Return a time as CircleCI writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def workflow_completed(run: Run, *, stopped_at: datetime | None = None) -> Payload:
    """Return the webhook of a workflow's end."""
    stopped_at = stopped_at or run.stopped_at
    return {
        "type": "workflow-completed",
        "id": stable_id("event", run.workflow_id, stopped_at),
        "happened_at": stamp(stopped_at + WORKFLOW_EVENT_AFTER),
        **_common_fields(run),
        "workflow": {**_workflow(run, stopped_at), "status": run.status},
    }


def job_completed(run: Run, job: JobRun) -> Payload:
    """Return the webhook of a job's end; it lacks the workflow's status."""
    stopped_at = run.at(job.starts_s + job.lasts_s)
    return {
        "type": "job-completed",
        "id": stable_id("event", run.job_id(job), job.status),
        "happened_at": stamp(stopped_at + JOB_EVENT_AFTER),
        **_common_fields(run),
        "workflow": _workflow(run, run.stopped_at),
        "job": {
            "id": run.job_id(job),
            "name": job.name,
            "number": job.number,
            "status": job.status,
            "started_at": stamp(run.at(job.starts_s)),
            "stopped_at": stamp(stopped_at),
        },
    }


def cancellation_storm(run: Run) -> Iterator[Payload]:
    """Yield the webhooks of a canceled workflow.

    There is one ``workflow-completed`` more than there are jobs, each with a later end.

    Source: circleci.canny.io, "Optimized outbound webhook behavior for workflow cancellations". Whether CircleCI gives
    them one id is not documented; here each has its own, which is the harder case.
    """
    yield workflow_completed(run, stopped_at=run.at(0))
    for nth, _ in enumerate(run.jobs, start=1):
        yield workflow_completed(run, stopped_at=run.stopped_at + timedelta(milliseconds=70 * nth))


def ping(project: Project, at: datetime) -> Payload:
    """Return the test event of a hook's page: it has no project and no organization."""
    return {
        "type": "ping",
        "id": stable_id("ping", project.name, at),
        "happened_at": stamp(at),
        "webhook": _hook(project),
    }


def as_bytes(payload: Payload) -> bytes:
    """Return the body of the post, compact as CircleCI's."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def _hook(project: Project) -> Payload:
    return {"id": stable_id("hook", project.name), "name": "Roundsman"}


def _common_fields(run: Run) -> Payload:
    project = run.project
    origin = "trigger_parameters" if project.is_app else "vcs"
    return {
        "webhook": _hook(project),
        "project": {"id": project.id, "name": project.name, "slug": project.long_slug},
        "organization": {"id": ORG_ID, "name": ORG},
        "pipeline": {
            "id": run.pipeline_id,
            "number": run.number,
            "created_at": stamp(run.pushed_at),
            "trigger": {"type": run.trigger},
            origin: trigger_parameters(run) if project.is_app else _vcs(run),
        },
    }


def _workflow(run: Run, stopped_at: datetime) -> Payload:
    return {
        "id": run.workflow_id,
        "name": run.workflow,
        "created_at": stamp(run.at(0)),
        "stopped_at": stamp(stopped_at),
        "url": run.url,
    }


def _vcs(run: Run) -> Payload:
    return {
        "provider_name": "github",
        "origin_repository_url": run.project.repository_url,
        "target_repository_url": run.project.repository_url,
        "revision": run.revision,
        "commit": _commit(run),
        "branch": run.branch,  # null for a tag, whose name is not in a webhook
    }


def _commit(run: Run) -> Payload:
    """Return the commit; for a tag CircleCI sends each key with null."""
    person = {"name": run.author.name, "email": run.author.email} if run.tag is None else {"name": None, "email": None}
    when = stamp(run.pushed_at - timedelta(seconds=20)) if run.tag is None else None
    return {
        "subject": run.subject if run.tag is None else None,
        "body": "" if run.tag is None else None,
        "author": person,
        "authored_at": when,
        "committer": person,
        "committed_at": when,
    }


def trigger_parameters(run: Run) -> Payload:
    """Return the GitHub App's maps, as in a webhook and in the API's pipeline."""
    ref = f"refs/tags/{run.tag}" if run.tag else f"refs/heads/{run.branch}"
    where = {"ref": ref, "branch": run.branch or "", "checkout_sha": run.revision}
    return {
        "circleci": {
            "event_time": f"{run.pushed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}256 +0000 UTC",  # Go's way, not ISO's
            "event_type": "push",
            "trigger_type": "github_app",
            "actor_id": run.author.id,
            "provider_actor_id": "1815",
        },
        "git": {
            **where,
            "tag": run.tag or "",
            "checkout_url": f"{run.project.repository_url}.git",
            "commit_message": run.subject,
            "commit_author_name": run.author.name,
            "author_login": run.author.login,
            "repo_owner": ORG,
            "default_branch": "main",
        },
        "github_app": {
            **where,
            "web_url": run.project.repository_url,
            "repo_name": run.project.name,
            "repo_url": run.project.repository_url,
            "commit_sha": run.revision,
            "commit_title": run.subject,
            "commit_message": run.subject,
            "commit_author_name": run.author.name,
            "commit_author_email": run.author.email,
            "commit_timestamp": stamp(run.pushed_at - timedelta(seconds=20)),
            "user_name": run.author.name,
            "user_username": run.author.login,
            "total_commits_count": "1",
        },
        "webhook": {"body": json.dumps({"ref": ref, "after": run.revision})},
    }
