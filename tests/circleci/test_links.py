"""Web addresses for people: correct ones, or none."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from service.circleci.links import commit_url, job_url, repository_url, web_app, web_url, workflow_url
from service.model import Event, EventKind, Workflow

SHA = "4f1c9a6be0d27c5583f0c1b7d6a94e2f8b3d5c70"


def event(url: str | None) -> Event:
    return Event(
        id=UUID(int=1),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="x",
        happened_at=datetime(2026, 3, 2, tzinfo=UTC),
        received_at=datetime(2026, 3, 2, tzinfo=UTC),
        workflow=Workflow(url=url),
    )


@pytest.mark.parametrize("url", ["https://example.com/a?b=c#d", "http://localhost:8080/", "https://10.0.0.1/x"])
def test_a_web_address_is_left_as_it_is(url: str) -> None:
    assert web_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "ftp://example.com/",
        "https:///path",
        "https://[half-an-address/",
        "https://[::1]/no-form-of-a-message-can-show-its-brackets",
        "https://ada:invented@example.com/",
        "https://example.com/a b",
        "https://example.com/\nb",
        'https://example.com/">',
        "//example.com/",
        "example.com",
    ],
)
def test_any_other_url_is_refused(url: str | None) -> None:
    assert web_url(url) is None


@pytest.mark.parametrize(
    ("cloned_from", "page"),
    [
        ("https://github.com/acme/shop", "https://github.com/acme/shop"),
        ("https://github.com/acme/shop.git", "https://github.com/acme/shop"),
        ("https://github.com/acme/shop/", "https://github.com/acme/shop"),
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop"),
        ("ssh://git@git.example.com:7999/acme/shop.git", "https://git.example.com/acme/shop"),
        ("ssh://git@git.example.com/acme/shop", "https://git.example.com/acme/shop"),
        ("git@evil.example/@github.com:acme/shop", "https://evil.example/@github.com:acme/shop"),
        ("file:///etc/passwd", None),
        (None, None),
    ],
)
def test_repository_has_a_page_for_each_clone_url(cloned_from: str | None, page: str | None) -> None:
    assert repository_url(cloned_from) == page


@pytest.mark.parametrize(
    ("repository", "provider", "path"),
    [
        ("https://github.com/acme/shop", None, "/commit/"),
        ("https://bitbucket.org/acme/shop", "github", "/commits/"),
        ("git@gitlab.com:acme/shop.git", None, "/-/commit/"),
        ("https://git.example.com/acme/shop", "gitlab", "/-/commit/"),
        ("https://git.example.com/acme/shop", "github_app", "/commit/"),
    ],
)
def test_each_kind_of_git_server_shows_commits_at_its_own_path(
    repository: str, provider: str | None, path: str
) -> None:
    url = commit_url(repository, provider, SHA)

    assert url is not None
    assert url.endswith(f"/acme/shop{path}{SHA}")


@pytest.mark.parametrize(
    ("repository", "provider", "revision"),
    [
        ("https://git.example.com/acme/shop", "bitbucket_dc", SHA),
        ("https://git.example.com/acme/shop", None, SHA),
        (None, "github", SHA),
        ("https://github.com/acme/shop", "github", None),
        ("https://github.com/acme/shop", "github", "../../evil"),
        ("https://github.com/acme/shop", "github", "main"),
    ],
)
def test_there_is_no_link_rather_than_a_wrong_one(
    repository: str | None, provider: str | None, revision: str | None
) -> None:
    assert commit_url(repository, provider, revision) is None


def test_a_built_workflow_address_holds_no_raw_outside_text() -> None:
    assert (
        workflow_url("gh/acme/a b?", 7, "i/d")
        == "https://app.circleci.com/pipelines/gh/acme/a%20b%3F/7/workflows/i%2Fd"
    )


def test_a_job_has_a_page_below_its_workflows() -> None:
    assert job_url(event("https://example.com/w"), 7) == "https://example.com/w/jobs/7"


def test_a_job_without_a_number_or_a_workflow_page_has_none() -> None:
    assert job_url(event("https://example.com/w"), None) is None
    assert job_url(event(None), 7) is None


@pytest.mark.parametrize(
    ("known", "url", "expected"),
    [
        (
            "https://app.ci.example.com/pipelines/gh/acme/web/1/workflows/2",
            "https://x.example",
            "https://app.ci.example.com",
        ),
        (None, "https://ci.example.com", "https://app.ci.example.com"),
        (None, "https://ci.example.com:8443", "https://app.ci.example.com:8443"),
        ("javascript:alert(1)/pipelines/", "https://ci.example.com", "https://app.ci.example.com"),
        ("https://ci.example.com/other", "https://10.0.0.7", None),
        (None, "http://localhost:8080", None),
    ],
)
def test_address_of_a_web_app_is_that_of_its_pages_or_beside_its_api(
    known: str | None, url: str, expected: str | None
) -> None:
    assert web_app(known, url) == expected
