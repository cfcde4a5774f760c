"""The Helm chart and the image, read as files: they agree with the settings, the release and each other.

What Helm makes of the chart is in tests/helm/test_chart_rendered.py.
"""

import json
import re
import tomllib
from itertools import pairwise
from typing import Any

import pytest
import yaml

from service.config.settings import Settings, is_secret, variable
from tests.generate_docs import ROOT
from tests.generate_schema import DECIDED_BY_THE_CHART, SCHEMA, chart_name, rendered
from tests.support.cli_reference import every_route

CHART = ROOT / "helm"
VALUES_TEXT = (CHART / "values.yaml").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load(VALUES_TEXT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_what_is_generated_of_the_schema_is_fresh() -> None:
    text = SCHEMA.read_text(encoding="utf-8")

    assert text == rendered(text), "run: make docs"


def test_a_setting_that_is_gone_leaves_the_schema_and_the_rest_stays() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    schema["properties"]["settings"]["properties"]["colour"] = {"type": "string"}

    assert rendered(json.dumps(schema)) == SCHEMA.read_text(encoding="utf-8")


def test_the_values_name_every_setting_that_the_chart_leaves_open() -> None:
    open_names = [name for name in Settings.model_fields if name not in DECIDED_BY_THE_CHART]

    assert set(VALUES["settings"]) == {chart_name(name) for name in open_names if not is_secret(name)}
    assert set(VALUES["secrets"]) == {chart_name(name) for name in open_names if is_secret(name)}


def test_the_values_and_the_schema_have_the_same_keys() -> None:
    properties = json.loads(SCHEMA.read_text(encoding="utf-8"))["properties"]
    closed = {name: shape["properties"] for name, shape in properties.items() if "properties" in shape}

    assert set(VALUES) == set(properties) - {"global"}
    assert {name: set(VALUES[name]) for name in closed} == {name: set(shape) for name, shape in closed.items()}


def test_an_editor_finds_the_schema_from_the_first_line_of_the_values() -> None:
    first = VALUES_TEXT.splitlines()[0]

    assert first == f"# yaml-language-server: $schema={SCHEMA.name}"


def test_every_value_has_a_comment() -> None:
    lines = VALUES_TEXT.partition("\npodSecurityContext:")[0].splitlines()  # what follows is Kubernetes' own

    bare = [
        line
        for before, line in pairwise(lines)
        if re.match(r"( {2})?\w+:", line) and not before.lstrip().startswith("#")
    ]

    assert bare == []


def test_the_world_reaches_the_hook_the_pages_and_the_api_but_not_what_machines_ask() -> None:
    published = [
        (path, "Prefix") if isinstance(path, str) else tuple(path.values()) for path in VALUES["ingress"]["paths"]
    ]
    inside = {
        path
        for _, path, _ in every_route()
        if not any(path == given or (kind == "Prefix" and path.startswith(f"{given}/")) for given, kind in published)
    }

    assert inside == {"/healthz", "/readyz", "/metrics"}


def test_the_chart_is_of_this_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert chart["appVersion"] == PROJECT["project"]["version"]
    assert chart["description"] == PROJECT["project"]["description"]


def test_the_image_sets_only_what_is_a_setting() -> None:
    names = re.findall(r"^ +(ROUNDSMAN_\w+)=", DOCKERFILE, re.MULTILINE)

    assert set(names) <= {variable(name) for name in Settings.model_fields}
    assert {"ROUNDSMAN_CONFIG", "ROUNDSMAN_DATABASE_URL", "ROUNDSMAN_HOST", "ROUNDSMAN_PORT"} == set(names)


def test_the_image_and_the_chart_agree_on_user_and_port() -> None:
    security = VALUES["podSecurityContext"]

    assert f"USER {security['runAsUser']}:{security['runAsGroup']}\n" in DOCKERFILE
    assert "EXPOSE 8000\n" in DOCKERFILE
    assert "containerPort: 8000\n" in (CHART / "templates" / "_pod.tpl").read_text(encoding="utf-8")


@pytest.mark.parametrize("requirement", PROJECT["build-system"]["requires"])
def test_what_builds_the_wheel_in_the_image_is_locked(requirement: str) -> None:
    lock = (ROOT / "requirements-build.lock").read_text(encoding="utf-8")

    assert f"{requirement} \\\n    --hash=sha256:" in lock, "run: make lock"


def test_whatever_the_image_is_built_from_reaches_the_builder() -> None:
    allowed = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    }

    assert copied == allowed
