"""A second opinion on tracks: plain code that reads all posts at once and works everything out anew."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Payload = dict[str, Any]


@dataclass
class Opinion:
    """What a run is: its transition, its streak, and the ids of the incident's first run."""

    transition: str
    streak: int
    opened_by: str | None


def opinions(posts: list[Payload]) -> dict[str, Opinion]:
    """Return the opinion on each run."""
    found: dict[str, Opinion] = {}
    for track in _tracks(_counting(posts)).values():
        found |= _judge(track)
    return found


def _counting(posts: list[Payload]) -> list[Payload]:
    best: dict[str, Payload] = {}
    for post in posts:
        known = best.get(post["workflow"]["id"])
        if known is None or _is_better(post, known):
            best[post["workflow"]["id"]] = post
    return list(best.values())


def _is_better(post: Payload, known: Payload) -> bool:
    if post["happened_at"] != known["happened_at"]:
        return bool(post["happened_at"] > known["happened_at"])
    return bool(post["id"] < known["id"])


def _tracks(runs: list[Payload]) -> dict[tuple[str, ...], list[Payload]]:
    tracks: dict[tuple[str, ...], list[Payload]] = defaultdict(list)
    for run in runs:
        key = (run["project"]["id"], run["workflow"]["name"], run["pipeline"]["vcs"]["branch"])
        tracks[key].append(run)
    for track in tracks.values():
        track.sort(key=lambda run: (run["pipeline"]["number"], run["workflow"]["created_at"], run["workflow"]["id"]))
    return tracks


def _color(run: Payload) -> str:
    status = run["workflow"]["status"]
    return {"success": "green", "failed": "red", "error": "red"}.get(status, "grey")


def _time(run: Payload, name: str) -> datetime:
    return datetime.fromisoformat(run["workflow"][name])


def _colors(track: list[Payload]) -> dict[str, str]:
    """Return the colors by run; a green one beside a red one of its pipeline counts as grey."""
    colors = {run["workflow"]["id"]: _color(run) for run in track}
    pipelines: dict[int, list[Payload]] = defaultdict(list)
    for run in track:
        if _color(run) != "grey":
            pipelines[run["pipeline"]["number"]].append(run)
    for same in pipelines.values():
        for run in same:
            if _color(run) == "green" and any(_color(one) == "red" for one in _beside(run, same)):
                colors[run["workflow"]["id"]] = "grey"
    return colors


def _beside(run: Payload, same: list[Payload]) -> list[Payload]:
    """Return the runs of a pipeline that overlap with a run, or with one that does."""
    beside = [run]
    for one in beside:
        for other in same:
            is_apart = _time(other, "created_at") > _time(one, "stopped_at") or _time(one, "created_at") > _time(
                other, "stopped_at"
            )
            if other not in beside and not is_apart:
                beside.append(other)
    return beside


def _judge(track: list[Payload]) -> dict[str, Opinion]:
    found: dict[str, Opinion] = {}
    colors, reds, last_at = _colors(track), list[str](), None
    for run in track:
        run_id = run["workflow"]["id"]
        days = 30 if run["pipeline"]["vcs"]["branch"] in {"main", "master"} else 14
        if reds and last_at and _time(run, "stopped_at") > last_at + timedelta(days=days):
            reds = []
        last_at = max(_time(run, "stopped_at"), last_at or _time(run, "stopped_at"))
        if colors[run_id] == "grey":
            found[run_id] = Opinion("none", 0, None)
        elif colors[run_id] == "red":
            reds.append(run_id)
            found[run_id] = Opinion("still_broken" if reds[1:] else "broke", len(reds), reds[0])
        else:
            found[run_id] = Opinion("fixed" if reds else "passed", len(reds), reds[0] if reds else None)
            reds = []
    return found
