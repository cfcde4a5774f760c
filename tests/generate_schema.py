"""Write the generated part of the chart's schema anew: ``python -m tests.generate_schema``, or ``make docs``.

helm/values.schema.json is written by hand but for the properties of ``settings`` and ``secrets``: those are the
settings of the service, each by its name in the chart's manner (``public_url`` is ``publicUrl``).
tests/helm/test_chart.py fails when the file is behind.
"""

import json
from typing import Any

from service.config.settings import Settings, is_secret
from tests.generate_docs import ROOT

SCHEMA = ROOT / "helm" / "values.schema.json"
DECIDED_BY_THE_CHART = {"config", "database_url", "port"}  # they name places inside the pod
_ADAPTED = {"title", "default", "anyOf", "type"}


def chart_name(name: str) -> str:
    """The name of a setting among the chart's values."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def properties(*, secret: bool) -> dict[str, Any]:
    """The schema of every setting that whoever installs the chart may give."""
    shapes = Settings.model_json_schema()["properties"]
    names = [name for name in Settings.model_fields if is_secret(name) == secret and name not in DECIDED_BY_THE_CHART]
    return {chart_name(name): _optional(shapes[name]) for name in names}


def _optional(shape: dict[str, Any]) -> dict[str, Any]:
    """A setting that may be left out, but not empty: the service refuses a variable that is set to nothing."""
    kind = shape.get("anyOf", [shape])[0]["type"]
    told = {key: value for key, value in shape.items() if key not in _ADAPTED}
    if kind == "array":  # the variable separates its items with these, and would tear such an item apart
        told["items"] = {"type": "string", "pattern": "^[^,\\n]+$"}
    if kind == "string":
        told["minLength"] = 1
    if "enum" in told:
        told["enum"] = [*told["enum"], None]  # a schema's list of values is exhaustive, whatever its types say
    return {"type": [kind, "null"], **told}


def rendered(text: str) -> str:
    """The text of the schema with its generated part anew."""
    schema = json.loads(text)
    for section, secret in (("settings", False), ("secrets", True)):
        schema["properties"][section]["properties"] = properties(secret=secret)
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(rendered(SCHEMA.read_text(encoding="utf-8")), encoding="utf-8")
