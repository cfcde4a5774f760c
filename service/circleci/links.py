"""Web addresses for people to open: every result is an http or https URL."""

import re
from functools import lru_cache
from urllib.parse import quote, urlsplit

from service.message.sanitize import is_web_url
from service.model import Event

GIT_OVER_SSH = re.compile(r"(?:ssh://)?[\w.-]+@([\w.-]+)(?::[0-9]+/|[:/])(.+)", re.ASCII)
UNPRINTABLE_OR_BLANK = re.compile(r"[\s\x00-\x1f\x7f\ufffd<>\"\\]")
COMMIT_PATHS = {"github": "commit", "github_app": "commit", "gitlab": "-/commit", "bitbucket": "commits"}


def web_url(url: str | None) -> str | None:
    """Return the URL if it is printable and http or https; None for any other."""
    return url if url is not None and not UNPRINTABLE_OR_BLANK.search(url) and is_web_url(url) else None


@lru_cache(maxsize=1_000)  # an organization has few, and each of its events names one
def repository_url(url: str | None) -> str | None:
    """Return the web page of a repository, from that page's URL or its clone URL."""
    over_ssh = GIT_OVER_SSH.fullmatch(url or "")
    page = web_url(f"https://{over_ssh[1]}/{over_ssh[2]}" if over_ssh else url)
    return page.rstrip("/").removesuffix(".git") if page else None


def commit_url(repository: str | None, provider: str | None, revision: str | None) -> str | None:
    """Return the web page of a commit; None for a git server with unknown addresses.

    The kind of server is taken from the host name (gitlab.example.com), else from ``provider``.
    """
    page = repository_url(repository)
    if page is None or not re.fullmatch("[0-9a-fA-F]{7,64}", revision or ""):
        return None
    host = urlsplit(page).netloc.lower()
    path = next((COMMIT_PATHS[kind] for kind in COMMIT_PATHS if kind in host), COMMIT_PATHS.get(provider or ""))
    return f"{page}/{path}/{revision}" if path else None


def web_app(known: str | None, url: str) -> str | None:
    """Return the address of the web app of a CircleCI; None if it cannot be told.

    known   the page of a workflow there, as a webhook named it
    url     the address of its API: that of a CircleCI Server has no ``app.`` before it, its web app does
    """
    begin, found, _ = (web_url(known) or "").partition("/pipelines/")
    if found:
        return begin
    parts = urlsplit(url)
    is_named = "." in (parts.hostname or "") and not re.fullmatch("[0-9.]+", parts.hostname or "")
    return web_url(f"{parts.scheme}://app.{parts.netloc}") if is_named else None


def workflow_url(
    slug: str | None, pipeline: int | None, workflow: str | None, *, app: str = "https://app.circleci.com"
) -> str | None:
    """Return the page of a workflow, for webhooks that do not have it.

    app   the address of the web app, if it is not that of circleci.com
    """
    if not (slug and pipeline and workflow):
        return None
    return f"{app}/pipelines/{quote(slug)}/{pipeline}/workflows/{quote(workflow, safe='')}"


def job_url(event: Event, number: int | None) -> str | None:
    """Return the page of a job of the event's workflow."""
    if event.workflow.url is None or number is None:
        return None
    return f"{event.workflow.url}/jobs/{number}"
