"""Words of roundsman.yaml for what pydantic refuses."""

from collections.abc import Mapping
from typing import Any

LINES = "must hold lines of the form key: value"
_NUMBER = "must be a whole number"
_TIME = "is not a time; write it as 2026-03-05T14:07:09Z"
_CLAIMS = {
    "missing": "is missing",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be one value",
    "string_too_short": "is empty; give it a value or remove it",
    "string_too_long": "is longer than {max_length} characters; shorten it",
    "tuple_type": "must be a list; begin each of its lines with '- '",
    "too_short": "is an empty list; give it an entry",
    "dict_type": LINES,
    "model_type": LINES,
    "model_attributes_type": LINES,
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_from_float": _NUMBER,
    "int_parsing_size": "is too large a number",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "datetime_from_date_parsing": _TIME,
}


def claim_of(error: Mapping[str, Any]) -> str:
    """Return the claim of an error of pydantic.

    Such as ``must be true or false``.
    """
    known = _CLAIMS.get(error["type"])
    if known is not None:
        return known.format(**error.get("ctx", {}))
    return str(error["msg"]).removeprefix("Value error, ")
