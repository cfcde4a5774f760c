"""What docs/configuration.md says of CircleCI's API, read from the table by which it is called."""

from service.circleci.api.endpoint import MAX_ANSWER_BYTES, MAX_LOG_BYTES, MAX_PAGES, MAX_TESTS_BYTES, Right
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.test_lines import MAX_LINES
from tests.support.circleci_uses import uses
from tests.support.cli_reference import table

OWNERS = {
    Right.PERSON: "any person",
    Right.READ: "who may read the project",
    Right.WRITE: "who may write to the project",
    Right.ADMIN: "organization admin",
}


def endpoints() -> str:
    """Return one row for each endpoint that is called, and the limits of their answers."""
    rows = [
        (
            f"[`{endpoint.title}`]({endpoint.source})",
            endpoint.purpose + (" (optional)" if endpoint.is_optional else ""),
            OWNERS[endpoint.right],
            ", ".join(f"`{module}`" for module in uses()[name]),
        )
        for name, endpoint in ENDPOINTS.items()
    ]
    assert {one.max_bytes for one in ENDPOINTS.values()} == {MAX_ANSWER_BYTES, MAX_LOG_BYTES, MAX_TESTS_BYTES}
    assert {one.max_pages for one in ENDPOINTS.values()} == {MAX_PAGES}
    limits = (
        f"Of each answer at most {MAX_ANSWER_BYTES // 1_000_000} MB are read, of a list at most {MAX_PAGES} pages, of "
        f"a log {MAX_LOG_BYTES // 1_000_000} MB, of the test results of v3 {MAX_TESTS_BYTES // 1_000_000} MB or "
        f"{MAX_LINES:,} tests."
    )
    return f"{table(('endpoint', 'for', 'the token is of', 'used in'), rows)}\n\n{limits}"
