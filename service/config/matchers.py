"""Matchers as they are written: under ``match:`` of a route, and by operators."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from service.config.match_shape import OF_JOBS, MatchShape
from service.config.shapes import suggest
from service.errors import BadRequest
from service.model import Matcher
from service.routing.match_keys import MATCH_KEYS

MAX_PATTERNS = 50
MAX_PATTERN_CHARACTERS = 1_000


def to_matcher(key: str, written: Sequence[str]) -> Matcher:
    """Return the matcher of checked patterns; those with a leading ``!`` exclude."""
    return Matcher(
        key=key,
        patterns=tuple(pattern for pattern in written if not pattern.startswith("!")),
        excluded=tuple(pattern.removeprefix("!") for pattern in written if pattern.startswith("!")),
    )


def parse_matchers(written: Mapping[str, object]) -> tuple[Matcher, ...]:
    """Return the matchers of match keys and their patterns: a text, or a list of them.

    Raises BadRequest with all problems, such as an unknown key.
    """
    if unknown := next((key for key in written if key not in MATCH_KEYS), None):
        raise BadRequest(f"there is no match key {unknown!a}; {suggest(unknown, tuple(MATCH_KEYS))}")
    if absent := next((key for key, patterns in written.items() if patterns is None), None):
        raise BadRequest(f"{absent} must be a text, or a list of texts")  # without it, nothing would be left to fit
    _require_few(written)
    try:
        shape = MatchShape.model_validate(_with_jobs(written))
    except ValidationError as error:
        raise BadRequest("; ".join(_sentence(one["loc"], str(one["msg"])) for one in error.errors())) from None
    given = vars(shape)
    return tuple(to_matcher(key, given[key]) for key in MATCH_KEYS if key in written and given[key] is not None)


def _with_jobs(written: Mapping[str, object]) -> Mapping[str, object]:
    """Add the kinds of events that a key of jobs needs in a route."""
    has_job_key = any(MATCH_KEYS[key].needs_jobs for key in written)
    return {"event": sorted(OF_JOBS), **written} if has_job_key else written


def _require_few(written: Mapping[str, object]) -> None:
    for key, patterns in written.items():
        listed = patterns if isinstance(patterns, list | tuple) else [patterns]
        if len(listed) > MAX_PATTERNS:
            raise BadRequest(f"{key} may have {MAX_PATTERNS} patterns, and it has {len(listed)}; use globs")
        if any(isinstance(one, str) and len(one) > MAX_PATTERN_CHARACTERS for one in listed):
            raise BadRequest(f"a pattern of {key} may have {MAX_PATTERN_CHARACTERS} characters; shorten it")


def _sentence(place: Sequence[object], claim: str) -> str:
    if claim.startswith("Value error, "):
        return f"{place[0]} {claim.removeprefix('Value error, ')}"
    return f"{place[0]} must be a text, or a list of texts"
