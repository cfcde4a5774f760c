"""The addresses of the pages of projects and their workflows."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

from service.store.events.filters import escaped

PROJECTS = "/projects"
BY_NAME = "-"
"""The last part of the address of a page whose names stand in its query: not every name can be part of a path."""
MAX_ADDRESS = 1_000
"""Characters of a link in a list: with 50 longer ones a page would be too large."""


@lru_cache(maxsize=1_000)  # the rows of a page are of few projects and branches
def builds_url(name: str, value: str) -> str:
    """Return the path of the builds with this value of a filter."""
    return "/builds?" + urlencode({name: escaped(value)})


def project_url(project: Mapping[str, Any]) -> str:
    """Return the path of the page of a project.

    project   a shape with ``project``, its slug, and ``project_name``; the name is of several projects where there is
              a ``mark`` too
    """
    return project_address(_name_of(project))


def href(address: str) -> Markup:
    """Return the attribute of a link in a list, or nothing if it is too long."""
    # joined, as the format of Markup takes ten times as long
    return Markup(f' href="{escape(address)}"' if len(address) <= MAX_ADDRESS else "")  # noqa: S704 - escaped


def workflow_url(one: Mapping[str, Any]) -> str:
    """Return the path of the page of a workflow on its branch.

    one   a shape with ``project_name``, ``workflow`` and ``branch``; without a workflow its project's page is returned
    """
    name = _name_of(one)
    if not one["workflow"]:
        return project_address(name)
    return workflow_address(name, one["workflow"], one["branch"])


def _name_of(shape: Mapping[str, Any]) -> str:
    """Return the name of a project, or its slug where the name is of several."""
    name = None if shape.get("mark") else shape.get("project_name")
    return str(name or shape["project"])


def tests_url(shape: Mapping[str, Any]) -> str:
    """Return the path of the tests of the project that a shape names."""
    project = shape["project"] or shape.get("project_name")
    return f"/tests?{urlencode({'project': project})}" if project else "/tests"


def test_url(shape: Mapping[str, Any]) -> str:
    """Return the path of the page that tests a receiver."""
    return f"/health/test?{urlencode({'receiver': shape['receiver']})}"


def channel_url(shape: Mapping[str, Any]) -> str:
    """Return the path of the notifications of the channel that a shape names."""
    return f"/notifications?{urlencode({'channel': shape['channel_label']})}"


def trigger_url(project: str, branch: str | None = None, tag: str | None = None) -> str:
    """Return the path of the form that starts a pipeline of a project."""
    place = {"tag": tag} if tag else {"branch": branch} if branch else {}
    return f"/trigger?{urlencode({'project': project, **place})}"


@lru_cache(maxsize=1_000)  # each page of projects names the same ones
def project_address(project: str) -> str:
    """Return the path of the page of a project by its name or slug."""
    if is_plain(project):
        return f"{PROJECTS}/{quote(project)}"
    return f"{PROJECTS}/{BY_NAME}?{urlencode({'project': project})}"


def workflow_address(project: str, workflow: str, branch: str | None = None) -> str:
    """Return the path of the page of a workflow; without a branch, of its default one."""
    query = {"branch": branch} if branch else {}
    if is_plain(f"{project}/{workflow}"):
        path = f"{PROJECTS}/{quote(project)}/{quote(workflow)}"
        return f"{path}?{urlencode(query)}" if query else path
    return f"{PROJECTS}/{BY_NAME}?{urlencode({'project': project, 'workflow': workflow, **query})}"


def twin_of(address: str) -> str:
    """Return the address of the JSON of a page."""
    path, mark, query = address.partition("?")
    return f"{path}.json{mark}{query}"


def is_plain(name: str) -> bool:
    """Return whether a name can stand in a path as it is.

    Browsers and proxies take some parts away.
    """
    parts = name.split("/")
    has_odd_part = any(part in {"", ".", ".."} or part.strip() != part for part in parts)
    return (
        not has_odd_part and name != BY_NAME and not name.endswith(".json") and "\\" not in name and name.isprintable()
    )


FILTERS: Mapping[str, Callable[..., str]] = {
    "builds_url": builds_url,
    "channel_url": channel_url,
    "href": href,
    "project_url": project_url,
    "trigger_url": trigger_url,
    "test_url": test_url,
    "tests_url": tests_url,
    "workflow_url": workflow_url,
}
"""The filters of templates that link to pages."""
