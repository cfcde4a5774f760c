"""Usage exports as methods, one for each of their endpoints.

Source: CircleCI API v2 reference, "Usage". An export is made in the background: it is created, asked for, and its files
are fetched. The address of a file is a credential, so it is never kept, logged or shown.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from service.circleci.api.client import Client
from service.circleci.api.request import Call
from service.circleci.api.tables.usage import USAGE
from service.circleci.json_fields import Prose, Shape, Text, read_list

MAX_URL_CHARACTERS = 8_000  # a signed address is longer than most texts


def _read_urls(value: object) -> list[str]:
    return [url for url in read_list(value) if isinstance(url, str) and len(url) <= MAX_URL_CHARACTERS]


class UsageExportAnswer(Shape):
    """An export; ``completed`` without addresses means that there is no usage."""

    usage_export_job_id: Text = None
    state: Text = None
    download_urls: Annotated[tuple[str, ...], BeforeValidator(_read_urls)] = Field(default=(), repr=False)
    error_reason: Prose = None


class UsageAPI:
    """The usage exports of an organization."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create_usage_export(self, org_id: str, start: datetime, end: datetime) -> UsageExportAnswer:
        """Create an export of a time, 31 days at most; CircleCI refuses any other key."""
        body = {"start": _stamp(start), "end": _stamp(end)}
        call = Call(endpoint=USAGE["create_usage_export"], parts={"id": org_id}, body=body)
        return await self._client.ask(call, UsageExportAnswer)

    async def usage_export(self, org_id: str, export_id: str) -> UsageExportAnswer:
        """Return an export with its state; the addresses are new ones each time."""
        call = Call(endpoint=USAGE["usage_export"], parts={"id": org_id, "job": export_id})
        return await self._client.ask(call, UsageExportAnswer)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
