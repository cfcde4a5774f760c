"""Ask CircleCI for what a build ran and left, for a page.

Answers are kept for minutes, in this process alone. A configuration is a text of others, and so is the path of an
artifact. Links to artifacts are shown and never followed.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from service.circleci.circleci import CircleCI
from service.circleci.source import Source
from service.clock import now_utc
from service.errors import Permanent, Temporary
from service.message.sanitize import safe_url
from service.operations.json_shapes import Json
from service.text import replace_control_chars

KEPT_FOR = timedelta(minutes=10)
MAX_KEPT = 16
MAX_TEXT = 100_000
MAX_JOBS = 10
MAX_ARTIFACTS = 300
CONFIGS = (
    ("source", "Source", "as written, in .circleci/config.yml or where the pipeline's definition names it"),
    ("compiled", "Compiled", "as run, with orbs and parameters filled in"),
    ("setup_config", "Setup", "of the setup workflow, as written"),
    ("compiled_setup_config", "Setup, compiled", "of the setup workflow, as run"),
)
NO_SOURCE = "no CircleCI API token is configured, so CircleCI cannot be asked; set ROUNDSMAN_CIRCLECI_TOKEN"

NOTHING: Mapping[str, object] = {"reason": None, "asked_at": None, "texts": (), "artifacts": (), "is_cut": False}

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Kept(Generic[T]):
    """An answer, and when it was given."""

    value: T
    asked_at: datetime


@dataclass(kw_only=True)
class BuildFiles:
    """A reader of configurations and artifacts.

    source   None: there is nothing to ask
    """

    source: Source | None = None
    clock: Callable[[], datetime] = now_utc
    kept: OrderedDict[tuple[object, ...], Kept[Json]] = field(default_factory=OrderedDict)

    async def config(self, pipeline_id: str | None) -> Json:
        """Return the texts of a pipeline's configuration, or a reason why there is none."""
        if pipeline_id is None:
            return {**NOTHING, "reason": "the webhook does not name its pipeline"}
        return await self._ask(("config", pipeline_id), lambda source: _read_config(source, pipeline_id))

    async def artifacts(self, slug: str | None, jobs: Sequence[Json]) -> Json:
        """Return the artifacts of ``MAX_JOBS`` jobs that ran, of failed ones first."""
        ran = [job for job in jobs if job["number"] is not None]
        ran.sort(key=lambda job: (job["status"] == "success", job["number"]))
        found = [
            {"job": job["name"], "number": job["number"], **await self._of_job(slug, job["number"])}
            for job in ran[:MAX_JOBS]
        ]
        return {"jobs": found, "left_out": max(len(ran) - MAX_JOBS, 0)}

    async def _of_job(self, slug: str | None, number: int) -> Json:
        if slug is None:
            return {**NOTHING, "reason": "the webhook does not name its project"}
        return await self._ask(("artifacts", slug, number), lambda source: _read_artifacts(source, slug, number))

    async def _ask(self, key: tuple[object, ...], ask: Callable[[CircleCI], Awaitable[Json]]) -> Json:
        """Return an answer, or one of the last minutes; of a refusal the reason."""
        now, kept = self.clock(), self.kept.get(key)
        if kept and timedelta() <= now - kept.asked_at < KEPT_FOR:
            return {**NOTHING, **kept.value, "asked_at": kept.asked_at.isoformat()}
        if not isinstance(self.source, CircleCI):
            return {**NOTHING, "reason": NO_SOURCE}
        try:
            answer = await ask(self.source)
        except (Temporary, Permanent) as error:
            return {**NOTHING, "reason": str(error)}
        self.kept[key] = Kept(value=answer, asked_at=now)
        self.kept.move_to_end(key)
        while len(self.kept) > MAX_KEPT:
            self.kept.popitem(last=False)
        return {**NOTHING, **answer, "asked_at": now.isoformat()}


async def _read_config(source: CircleCI, pipeline_id: str) -> Json:
    answer = await source.api.build_files.pipeline_config(pipeline_id)
    texts = [
        {"title": title, "note": note, **_text(text)}
        for name, title, note in CONFIGS
        if (text := getattr(answer, name))
    ]
    return {"texts": texts}


def _text(text: str) -> Json:
    """Return the beginning of a text, and whether it has more.

    No character in it hides or turns others.
    """
    lines = text[:MAX_TEXT].splitlines()
    return {
        "text": "\n".join(replace_control_chars(line.expandtabs(4)) for line in lines),
        "is_cut": len(text) > MAX_TEXT,
    }


async def _read_artifacts(source: CircleCI, slug: str, number: int) -> Json:
    found = await source.api.build_files.artifacts(slug, number)
    artifacts = [
        {"path": one.path or "without a path", "node": one.node_index or 0, "url": safe_url(one.url)}
        for one in found.items[:MAX_ARTIFACTS]
    ]
    return {"artifacts": artifacts, "is_cut": not found.is_last or len(found.items) > MAX_ARTIFACTS}
