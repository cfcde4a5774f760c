"""What Helm makes of the chart's examples, for the tests that look at it.

HELM names the binaries, separated by colons: `make chart-check` fetches two and sets it. Without it none of these tests
can run, and each says that it was skipped.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.generate_docs import ROOT

CHART = ROOT / "helm"
HELMS = os.environ.get("HELM", "").split(":")
EXAMPLES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").iterdir())
SHARED = [name for name in EXAMPLES if name.startswith("postgres")]
ALONE = [name for name in EXAMPLES if name not in SHARED]
Objects = dict[str, dict[str, Any]]
Render = Callable[..., Objects]

needs_helm = pytest.mark.skipif(HELMS == [""], reason="no helm: `make chart-check` fetches it and runs these")
each_helm = pytest.mark.parametrize("binary", HELMS, ids=lambda binary: Path(binary).parent.name)


def helm(binary: str, example: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return template(binary, "acme", CHART / "ci" / f"{example}-values.yaml", *options)


def template(binary: str, release: str, values: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [binary, "template", release, str(CHART), "--values", str(values), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rendered(binary: str, example: str, *options: str) -> Objects:
    """The objects of an example, by kind and what their names end in: ``Deployment web``, or ``Ingress`` alone."""
    done = helm(binary, example, *options)
    assert done.returncode == 0, done.stderr
    made = [each for each in yaml.safe_load_all(done.stdout) if each]
    objects = {key(each): each for each in made}
    assert len(made) == len(objects)
    return objects


def key(made: dict[str, Any]) -> str:
    *_, last = made["metadata"]["name"].split("-")
    return f"{made['kind']} {last}" if last in {"web", "worker", "migrate", "dashboard"} else str(made["kind"])


def pod(made: dict[str, Any]) -> dict[str, Any]:
    """The pod that a StatefulSet, Deployment or Job makes."""
    return dict(made["spec"]["template"]["spec"])


def container(made: dict[str, Any]) -> dict[str, Any]:
    return dict(pod(made)["containers"][0])


def environ(objects: Objects, made: str) -> dict[str, str]:
    """The environment of a container, as Kubernetes would put it together."""
    secret = objects.get("Secret", {"metadata": {"name": "acme-roundsman"}, "stringData": {}})
    assert container(objects[made])["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    return {**secret["stringData"], **{each["name"]: each["value"] for each in container(objects[made])["env"]}}
