"""Usual values of columns, and values that follow from others, are stored short."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping

# Rows rely on both tables: no entry is ever changed or removed, and a new header comes last.
URL_FORMS = {
    "workflow_url": "https://app.circleci.com/pipelines/{project_slug}/{pipeline_number}/workflows/{workflow_id}",
    "commit_url": "https://github.com/{org}/{project_name}/commit/{revision}",
}
HEADERS = (
    ("content-type", "application/json"),
    ("user-agent", "CircleCI-Webhook/1.0"),
    ("circleci-event-type", "workflow-completed"),
    ("circleci-event-type", "job-completed"),
    ("circleci-event-type", "ping"),
)

USUAL_URL = "~"
"""Stands for an address of the usual form, and is none itself."""

SIGNATURE = "circleci-signature"
_NUMBERS = {header: number for number, header in enumerate(HEADERS)}


def shorten_urls(row: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the addresses of an event as they are stored."""
    return {name: USUAL_URL if row[name] == form.format_map(row) else row[name] for name, form in URL_FORMS.items()}


def restore_urls(row: Mapping[str, Any] | RowMapping) -> dict[str, str | None]:
    """Return the addresses of a stored event whole."""
    return {name: form.format_map(row) if row[name] == USUAL_URL else row[name] for name, form in URL_FORMS.items()}


def shorten_headers(headers: Sequence[tuple[str, str]]) -> list[int | str | list[str]]:
    """Return headers as they are stored.

    Of a usual one that is its number, of a signature its text, else name and value.
    """
    return [_shorten_header(*header) for header in headers]


def _shorten_header(name: str, value: str) -> int | str | list[str]:
    if name == SIGNATURE:
        return value
    return _NUMBERS.get((name, value), [name, value])


def restore_headers(stored: Sequence[int | str | Sequence[str]]) -> tuple[tuple[str, str], ...]:
    """Return stored headers whole, in their order."""
    return tuple(map(_restore_header, stored))


def _restore_header(stored: int | str | Sequence[str]) -> tuple[str, str]:
    match stored:
        case int():
            return HEADERS[stored]
        case str():
            return SIGNATURE, stored
        case name, value:
            return name, value
        case _:
            raise ValueError(f"{stored!a} is no stored header")
