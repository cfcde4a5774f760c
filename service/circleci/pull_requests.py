"""The pull request that a pipeline belongs to: its number and its page."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from service.circleci.json_fields import Number, Shape, Text, read_number
from service.circleci.links import repository_url, web_url
from service.circleci.webhook.payload import PipelineShape
from service.model import PullRequest

FORK_BRANCH = re.compile("pull/([0-9]{1,18})")  # CircleCI's name for the branch of a fork's pull request
NUMBER_IN_URL = re.compile("/(?:pulls?|merge_requests|pull-requests)/([0-9]{1,18})(?:/|$)")
GITHUB_API_PATH = re.compile("(?:/api/v3)?/repos/([^/]+/[^/]+)/pulls/([0-9]{1,18})")
GITHUB_API_HOST = "api.github.com"


class ValuesAnswer(Shape):
    """The values of a pipeline: a flat map, whose keys depend on the trigger."""

    number: Number = Field(default=None, alias="pipeline.event.github.pull_request.number")
    url: Text = Field(default=None, alias="pipeline.event.github.pull_request.url")
    associated_url: Text = Field(default=None, alias="pipeline.event.context.github.pr_url")
    repository: Annotated[str | None, BeforeValidator(lambda value: repository_url(value or None))] = Field(
        default=None, alias="pipeline.git.repo_url"
    )


def pull_request_of(pipeline: PipelineShape) -> PullRequest:
    """Return the pull request that a pipeline names.

    Without number and page if it names none. Of a fork it may be known by the branch only.
    """
    vcs = pipeline.vcs
    url = page_url(vcs.review_url)
    number = read_number(vcs.review_id) or number_in(url)
    repository = repository_url(vcs.target_repository_url)
    if number is None and vcs.origin_repository_url not in {None, vcs.target_repository_url}:
        found = FORK_BRANCH.fullmatch(vcs.branch or "")
        number = read_number(found[1]) if found else None
    return PullRequest(number=number, url=url or _page_of(repository, number))


def pull_request_in(values: ValuesAnswer, pipeline: PipelineShape) -> PullRequest:
    """Return the pull request that the values of a pipeline name."""
    git = pipeline.git
    url = page_url(values.url) or page_url(values.associated_url)
    number = values.number or number_in(url)
    repository = values.repository or repository_url(
        pipeline.vcs.target_repository_url or git.web_url or git.repo_url or git.checkout_url
    )
    return PullRequest(number=number, url=url or _page_of(repository, number))


def page_url(url: str | None) -> str | None:
    """Return the page of a pull request, given that or its address in GitHub's API."""
    found = web_url(url)
    if found is None:
        return None
    parts = urlsplit(found)
    api = GITHUB_API_PATH.fullmatch(parts.path)
    if api is None:
        return found
    host = "github.com" if parts.netloc.lower() == GITHUB_API_HOST else parts.netloc
    return f"{parts.scheme}://{host}/{api[1]}/pull/{api[2]}"


def number_in(url: str | None) -> int | None:
    """Return the number of a pull request in the address of its page."""
    found = NUMBER_IN_URL.search(urlsplit(url).path) if url else None
    return read_number(found[1]) if found else None


def _page_of(repository: str | None, number: int | None) -> str | None:
    """Return the page of a pull request at GitHub; other servers have other addresses."""
    if repository is None or number is None or "github" not in urlsplit(repository).netloc.lower():
        return None
    return f"{repository}/pull/{number}"
