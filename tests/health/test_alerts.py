"""Each alert fires when its fault is made and is silent when all is well, as Prometheus' own promtool tells."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.generate_docs import ROOT
from tests.support.long_cases import first_and_long

RULE_FILES = sorted((ROOT / "helm" / "alerts").iterdir())
CASES = sorted((ROOT / "tests" / "alerts").iterdir(), reverse=True)
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool: Debian's package prometheus has it")


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def promtool(*words: str | Path) -> str:
    """Run promtool; what it says. It must find nothing wrong."""
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> Iterator[dict[str, Any]]:
    yield from (rule for file in RULE_FILES for group in read(file)["groups"] for rule in group["rules"])


def expectations() -> Iterator[tuple[str, bool]]:
    """The name of each alert that a case looks at, and whether it must fire."""
    for case in (case for file in CASES for case in read(file)["tests"]):
        yield from ((one["alertname"], bool(one.get("exp_alerts"))) for one in case["alert_rule_test"])


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    named = {rule["alert"] for rule in rules()}

    assert set(expectations()) == {(name, fires) for name in named for fires in (True, False)}


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    said = promtool("check", "rules", *RULE_FILES)

    assert said.count("SUCCESS") == len(RULE_FILES)


@pytest.mark.long
@needs_promtool
@pytest.mark.parametrize("case", first_and_long(CASES), ids=lambda case: case.stem)
def test_each_alert_fires_in_its_fault_alone(case: Path, tmp_path: Path) -> None:
    """Cases say when an alert fires and with which labels; its sentences would have to be repeated in each."""
    for file in RULE_FILES:
        bare = read(file)
        for rule in (rule for group in bare["groups"] for rule in group["rules"]):
            del rule["annotations"]
        (tmp_path / file.name).write_text(yaml.safe_dump(bare), encoding="utf-8")
    told = read(case) | {"rule_files": [file.name for file in RULE_FILES]}
    (tmp_path / "case.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")

    assert "SUCCESS" in promtool("test", "rules", tmp_path / "case.yaml")
