"""Configurations of pipelines and artifacts of jobs, a method for each endpoint."""

from typing import Annotated

from pydantic import BeforeValidator

from service.circleci.api.client import Client, Page
from service.circleci.api.request import Call
from service.circleci.api.tables.artifacts import ARTIFACTS
from service.circleci.json_fields import Number, Shape, Text, read_text

MAX_CONFIG_CHARACTERS = 400_000
MAX_URL_CHARACTERS = 2_000


def _read_config(value: object) -> str | None:
    """Return a configuration, one character longer than is shown if it is longer."""
    return value[: MAX_CONFIG_CHARACTERS + 1] if isinstance(value, str) and value.strip() else None


def _read_url(value: object) -> str | None:
    return read_text(value, MAX_URL_CHARACTERS)


Config = Annotated[str | None, BeforeValidator(_read_config)]


class PipelineConfigAnswer(Shape):
    """The configuration of a pipeline: as written, as run, and that of its setup."""

    source: Config = None
    compiled: Config = None
    setup_config: Config = None
    compiled_setup_config: Config = None


class ArtifactShape(Shape):
    """A file that a job left; ``node_index`` is the parallel run that left it."""

    path: Text = None
    node_index: Number = None
    url: Annotated[str | None, BeforeValidator(_read_url)] = None


class ArtifactsAPI:
    """The configurations that builds ran, and the files that they left."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def pipeline_config(self, pipeline_id: str) -> PipelineConfigAnswer:
        """Return the configuration of a pipeline; callers that ask at once share a call."""
        call = Call(endpoint=ARTIFACTS["pipeline_config"], parts={"id": pipeline_id})
        return await self._client.ask_shared(call, PipelineConfigAnswer)

    async def artifacts(self, slug: str, number: int) -> Page[ArtifactShape]:
        """Return the artifacts of a job; its pages are read as one."""
        call = Call(endpoint=ARTIFACTS["artifacts"], parts={"slug": slug, "number": number})
        return await self._client.read_list(call, ArtifactShape)
