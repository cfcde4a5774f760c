"""Write the part of CircleCI's OpenAPI description that is about endpoints which we call.

    python -m tests.circleci.openapi_subset openapi.json

Texts, examples and the operations that we do not call are left out. Its license and source
stay in the part, under ``info``.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from service.circleci.api.endpoints import ENDPOINTS

SUBSET = Path(__file__).with_name("circleci-openapi.json")
WORDS = {"description", "summary", "example", "examples", "tags", "title", "externalDocs", "security"}
METHODS = {"get", "post", "put", "patch", "delete"}

Json = dict[str, Any]


def without_names(path: str) -> str:
    """Return a path whose parts have no names, as endpoints and operations name them differently."""
    path = path.replace("{provider}/{organization}/{project}", "{slug}")
    return re.sub(r"\{[^}]*\}", "{}", path)


def cut_down(value: Any, *, are_names: bool = False) -> Any:
    """Return a part of the description without its texts and extensions.

    are_names   the keys are names of fields or components, so that none is a text
    """
    if isinstance(value, list):
        return [cut_down(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if are_names or not (key in WORDS or key.startswith("x-"))}
    nullable = {"nullable": True} if value.get("x-nullable") is True and not are_names else {}
    return nullable | {key: cut_down(item, are_names=key in {"properties", "schemas"}) for key, item in kept.items()}


def find_references(value: Any) -> set[str]:
    """Return the names of the schemas that a part refers to."""
    if isinstance(value, list):
        return {name for item in value for name in find_references(item)}
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"].rpartition("/")[2]} if isinstance(value.get("$ref"), str) else set()
    return own | {name for item in value.values() for name in find_references(item)}


def subset(whole: Json) -> Json:
    """Return the description of the operations that we call."""
    ours = {(one.method.lower(), without_names(one.path)) for one in ENDPOINTS.values() if one.version == "v2"}
    paths: Json = {}
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            if method in METHODS and (method, without_names(path)) in ours:
                paths.setdefault(path, {})[method] = cut_down(operation)
    schemas, wanted = whole["components"]["schemas"], find_references(paths)
    while more := {name for one in wanted for name in find_references(schemas[one])} - wanted:
        wanted |= more
    info = {key: value for key, value in whole["info"].items() if not key.startswith("x-konfig")}
    kept = {name: cut_down(schemas[name]) for name in sorted(wanted)}
    return {"openapi": whole["openapi"], "info": info, "paths": paths, "components": {"schemas": kept}}


if __name__ == "__main__":
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    SUBSET.write_text(json.dumps(subset(described), indent=1, sort_keys=True) + "\n", encoding="utf-8")
