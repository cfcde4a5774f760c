"""The two spellings of CircleCI's keys: each field that we read is read from both.

The description of API v2 says created-at, signing-secret and flaky-tests where the real service answers created_at,
signing_secret and flaky_tests (source: the tests of CircleCI's Go client, and of its MCP server). Both are right.
"""

import importlib
import pkgutil
from typing import Any

import pytest

import service.circleci
from service.circleci.json_fields import Shape

SAMPLES: tuple[Any, ...] = ("2026-03-02T08:00:00Z", 7, True, ["a"], [3], [{"id": "a"}], {"id": "a"})


def shapes() -> list[type[Shape]]:
    """Return all shapes of CircleCI's JSON that have a field of several words."""
    for module in pkgutil.walk_packages(service.circleci.__path__, "service.circleci."):
        importlib.import_module(module.name)
    found, rest = [], [Shape]
    while rest:
        found.append(rest[-1])
        rest += rest.pop().__subclasses__()
    own = {one for one in found if one.__module__.startswith("service.circleci.")}
    return sorted((one for one in own if any("_" in name for name in one.model_fields)), key=str)


def read(shape: type[Shape], key: str, sample: Any, name: str) -> Any:
    """Return what a field is, of a map with one key."""
    return getattr(shape.model_validate({key: sample}), name)


@pytest.mark.parametrize("shape", shapes(), ids=lambda shape: shape.__name__)
def test_each_field_is_read_from_both_spellings(shape: type[Shape]) -> None:
    for name, field in shape.model_fields.items():
        key = field.alias or name
        if "_" not in key or "." in key:  # a name of one word, or of a pipeline value, which has dots
            continue
        is_map = isinstance(field.default, Shape)
        found = [sample for sample in SAMPLES if read(shape, key, sample, name) != field.default]

        assert found or is_map, f"no sample is a value of {name}"
        for sample in found:
            assert read(shape, key.replace("_", "-"), sample, name) == read(shape, key, sample, name)
