"""One endpoint of CircleCI's API: path, purpose, right and limits."""

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
    WRITE   to write to the project, as a contributor may
    ADMIN   to administer the organization
    """

    PERSON = "person"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint.

    path          below the version, in the form of the API reference; a ``{slug}`` in it has slashes
    purpose       the things that Roundsman has from it
    is_optional   without its answer a message lacks a detail; of the others an operator's command fails
    is_list       the answer comes in pages, of which at most ``max_pages`` are read
    is_bare       the answer is an array: the whole list, without pages
    is_read       nothing changes, although the method is POST
    operation     its ``operationId`` in CircleCI's OpenAPI description, which is also its anchor in the reference
    """

    method: str = "GET"
    version: str = "v2"
    path: str
    purpose: str
    right: Right
    is_optional: bool
    is_list: bool = False
    is_bare: bool = False
    is_read: bool = False
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
