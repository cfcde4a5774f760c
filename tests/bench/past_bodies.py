"""The webhooks behind rows of a past: what CircleCI posted of each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from service.store.bodies import pack
from service.testing.fake_circleci.payloads import as_bytes, stamp

Row = Mapping[str, Any]


def with_body(delivery: dict[str, Any], row: Row) -> dict[str, Any]:
    """Return a row of ``deliveries`` with the webhook of an event's row as its body."""
    body, dictionary_id = pack(as_bytes(payload_of(row)))
    return {**delivery, "body": body, "body_dictionary": dictionary_id}


def payload_of(row: Row) -> dict[str, Any]:
    """Return the webhook that an event's row was parsed from."""
    ended_at: datetime = row["happened_at"]
    began_at = ended_at - timedelta(milliseconds=row["duration_ms"])
    times = {"stopped_at": stamp(ended_at)}
    workflow = {"id": row["workflow_id"], "name": row["workflow_name"], "created_at": stamp(began_at), **times}
    payload = {
        "type": row["kind"],
        "id": row["source_event_id"],
        "happened_at": stamp(ended_at),
        "webhook": {"id": "hook", "name": "Roundsman"},
        "project": {"id": row["project_id"], "name": row["project_name"], "slug": row["project_slug"]},
        "organization": {"id": row["org"], "name": row["org"]},
        "pipeline": {
            "id": row["pipeline_id"],
            "number": row["pipeline_number"],
            "trigger": {"type": row["trigger"]},
            "vcs": _vcs(row),
        },
        "workflow": workflow if row["has_job"] else {**workflow, "status": row["status"]},
    }
    if row["has_job"]:
        job = {"id": row["source_event_id"], "name": row["job_name"], "number": 1, "status": row["status"]}
        payload["job"] = {**job, "started_at": stamp(began_at), **times}
    return payload


def _vcs(row: Row) -> dict[str, Any]:
    author = {"name": row["commit_author_name"], "email": None}
    commit = {"subject": row["commit_subject"], "author": author}
    return {"provider_name": "github", "revision": row["revision"], "branch": row.get("branch"), "commit": commit}
