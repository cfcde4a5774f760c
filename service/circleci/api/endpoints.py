"""The endpoints of CircleCI's API that Roundsman calls, and their paths.

The calls of ``circleci_api``, the refusals in ``request``, the limits of a read and docs/configuration.md are made of
this table.
"""

from dataclasses import dataclass
from enum import StrEnum

REFERENCES = {  # by version of the API
    "v1.1": "https://circleci.com/docs/api/v1/index.html",
    "v2": "https://circleci.com/docs/api/v2/index.html",
    "v3": "https://circleci.com/docs/api/v3/index.html",
}
MAX_ANSWER_BYTES = 10_000_000
MAX_LOG_BYTES = 2_000_000
MAX_TESTS_BYTES = 100_000_000  # read line by line
MAX_PAGES = 20


class Right(StrEnum):
    """The right that the owner of the API token needs.

    PERSON  none but to be a person
    READ    to read the project
    ADMIN   to administer the organization
    """

    PERSON = "person"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint.

    path          below the version, in the form of the API reference: ``/user/{id}``; a ``{slug}`` has slashes
    purpose       the things that Roundsman has from it
    is_optional   without its answer a message lacks a detail; of the others an operator's command fails
    is_list       the answer comes in pages, of which at most ``max_pages`` are read
    operation     its ``operationId`` in CircleCI's OpenAPI description, which is also its anchor in the reference
    """

    method: str = "GET"
    version: str = "v2"
    path: str
    purpose: str
    right: Right
    is_optional: bool
    is_list: bool = False
    max_bytes: int = MAX_ANSWER_BYTES
    max_pages: int = MAX_PAGES
    operation: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def title(self) -> str:
        """Its name beside endpoints of other versions of the API."""
        return str(self) if self.version == "v2" else f"{self.method} /{self.version}{self.path}"

    @property
    def source(self) -> str:
        """The address of its documentation."""
        return f"{REFERENCES[self.version]}#operation/{self.operation}"


ENDPOINTS = {  # by the name of the method of CircleCIAPI that calls it
    "me": Endpoint(
        path="/me",
        purpose="the owner of the token",
        right=Right.PERSON,
        is_optional=False,
        operation="getCurrentUser",
    ),
    "user": Endpoint(
        path="/user/{id}",
        purpose="login and name of the person who started a workflow",
        right=Right.PERSON,
        is_optional=True,
        operation="getUser",
    ),
    "workflow": Endpoint(
        path="/workflow/{id}",
        purpose="the id of the person who started a workflow, its automatic reruns, and whether it is a setup",
        right=Right.READ,
        is_optional=True,
        operation="getWorkflowById",
    ),
    "workflow_jobs": Endpoint(
        path="/workflow/{id}/job",
        purpose="the jobs of a workflow",
        right=Right.READ,
        is_optional=True,
        is_list=True,
        operation="listWorkflowJobs",
    ),
    "pipeline": Endpoint(
        path="/pipeline/{id}",
        purpose="branch, tag, commit and pull request",
        right=Right.READ,
        is_optional=True,
        operation="getPipelineById",
    ),
    "values": Endpoint(
        path="/pipeline/{id}/values",
        purpose="the pull request of a pipeline that does not name it itself",
        right=Right.READ,
        is_optional=True,
        operation="getPipelineValuesById",
    ),
    "project": Endpoint(
        path="/project/{slug}",
        purpose="the id of a project, by which its webhooks are listed, and its default branch",
        right=Right.READ,
        is_optional=False,
        operation="getProjectBySlug",
    ),
    "branches": Endpoint(
        path="/insights/{slug}/branches",
        purpose="the branches of a project: a red of one that is gone is over",
        right=Right.READ,
        is_optional=True,
        operation="getAllInsightsBranches",
    ),
    "job": Endpoint(
        path="/project/{slug}/job/{number}",
        purpose="the page, the time and the messages of a failed job",
        right=Right.READ,
        is_optional=True,
        operation="getJobDetails",
    ),
    "tests": Endpoint(
        path="/project/{slug}/{number}/tests",
        purpose="the test results of a failed job",
        right=Right.READ,
        is_optional=True,
        is_list=True,
        operation="getTests",
    ),
    "test_lines": Endpoint(
        version="v3",
        path="/jobs/{id}/tests",
        purpose="the test results of a job, at circleci.com",
        right=Right.READ,
        is_optional=True,
        max_bytes=MAX_TESTS_BYTES,
        operation="getJobTests",
    ),
    "job_steps": Endpoint(
        version="v3",
        path="/jobs/{id}",
        purpose="the failed step of a job, at circleci.com",
        right=Right.READ,
        is_optional=True,
        operation="getJob",
    ),
    "condensed_log": Endpoint(
        version="v3",
        path="/jobs/{id}/stdout/condensed",
        purpose="the lines of the failed step's log that matter, at circleci.com",
        right=Right.READ,
        is_optional=True,
        max_bytes=MAX_LOG_BYTES,
        operation="getJobCondensedStdout",
    ),
    "log": Endpoint(
        version="v3",
        path="/jobs/{id}/stdout",
        purpose="the log of the failed step, at circleci.com",
        right=Right.READ,
        is_optional=True,
        max_bytes=MAX_LOG_BYTES,
        operation="getJobStdout",
    ),
    "build": Endpoint(
        version="v1.1",
        path="/project/{slug}/{number}",
        purpose="the failed step of a job and the address of its log, at a CircleCI Server",
        right=Right.READ,
        is_optional=True,
        operation="getBuild",
    ),
    "webhooks": Endpoint(
        path="/webhook",
        purpose="the webhooks of a project",
        right=Right.ADMIN,
        is_optional=False,
        is_list=True,
        operation="getWebhooks",
    ),
    "create_webhook": Endpoint(
        method="POST",
        path="/webhook",
        purpose="register our address at a project",
        right=Right.ADMIN,
        is_optional=False,
        operation="createWebhook",
    ),
    "update_webhook": Endpoint(
        method="PUT",
        path="/webhook/{id}",
        purpose="change a webhook of ours, its secret included",
        right=Right.ADMIN,
        is_optional=False,
        operation="updateWebhook",
    ),
    "delete_webhook": Endpoint(
        method="DELETE",
        path="/webhook/{id}",
        purpose="delete a webhook of ours",
        right=Right.ADMIN,
        is_optional=False,
        operation="deleteWebhook",
    ),
}
