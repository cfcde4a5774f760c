"""What docs/configuration.md says of CircleCI's API, read from the table by which it is called."""

from service.circleci.api.endpoints import ENDPOINTS, Right
from tests.cli_reference import table

OWNERS = {
    Right.PERSON: "any person",
    Right.READ: "who may read the project",
    Right.ADMIN: "organization admin",
}


def endpoints() -> str:
    """Return one row for each endpoint that is called."""
    rows = [
        (
            f"[`{endpoint}`]({endpoint.source})",
            endpoint.purpose + (" (optional)" if endpoint.is_optional else ""),
            OWNERS[endpoint.right],
        )
        for endpoint in ENDPOINTS.values()
    ]
    return table(("endpoint", "for", "the token is of"), rows)
