"""The law of installing: each lock is complete, and each command that installs leaves a resolver nothing to decide."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.support.locks import install_lines, open_requirements, read_lock, tracked_texts

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUN, MCP, DEV, BUILD = (
    [Requirement(text) for text in texts]
    for texts in (
        PROJECT["project"]["dependencies"],
        PROJECT["project"]["optional-dependencies"]["mcp"],
        PROJECT["dependency-groups"]["dev"],
        PROJECT["build-system"]["requires"],
    )
)
LOCKS = {
    "requirements.lock": RUN,
    "requirements-mcp.lock": RUN + MCP,
    "requirements-dev.lock": RUN + DEV,
    "requirements-build.lock": BUILD,
}
# pip check holds these, where they are installed
TOOLS = ("requirements-audit.lock", ".ci/chart.lock", ".ci/helm.lock", ".ci/site.lock")
PINS = {path: read_lock((ROOT / path).read_text(encoding="utf-8")) for path in [*LOCKS, *TOOLS]}
COMMANDS = [(name, line) for name, text in tracked_texts(ROOT).items() for line in install_lines(text)]


@pytest.mark.long
@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_every_requirement_of_every_package_it_pins(lock: str) -> None:
    assert open_requirements(PINS[lock], LOCKS[lock]) == []


@pytest.mark.parametrize("lock", PINS)
def test_lock_gives_one_version_and_hashes_for_each_package(lock: str) -> None:
    for pin in PINS[lock].values():
        assert re.fullmatch(r"==[^,*]+", str(pin.requirement.specifier)), pin
        assert pin.hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in pin.hashes), pin


@pytest.mark.parametrize("lock", PINS)
def test_lock_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert not re.search(r"://|--(?:extra-)?index-url|--find-links", text)


def test_locks_that_are_installed_together_agree() -> None:
    for name in PINS["requirements.lock"].keys() & PINS["requirements-build.lock"].keys():
        assert PINS["requirements.lock"][name].version == PINS["requirements-build.lock"][name].version


@pytest.mark.long
@pytest.mark.parametrize(
    ("left_out", "asker"), [("psycopg-pool", "psycopg"), ("colorama", "pytest"), ("iniconfig", "pytest")]
)
def test_requirement_that_is_not_pinned_is_named_with_its_asker(left_out: str, asker: str) -> None:
    pins = {name: pin for name, pin in PINS["requirements-dev.lock"].items() if name != left_out}
    is_for_windows = left_out == "colorama"

    found = open_requirements(pins, RUN + DEV)

    assert bool(found) is not is_for_windows
    assert all(left_out in sentence and sentence.startswith((asker, "procrastinate")) for sentence in found)


def test_pin_that_a_requirement_refuses_is_named() -> None:
    older = read_lock("pytest==1.0 --hash=sha256:0\n")
    pins = {name: pin for name, pin in PINS["requirements-dev.lock"].items() if name != "pytest"}

    with pytest.raises(AssertionError, match=r"pytest .* is installed, and 1\.0 is pinned"):
        open_requirements(pins | older, RUN + DEV)


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=lambda one: one[:60])
def test_command_that_installs_leaves_a_resolver_nothing_to_decide(name: str, line: str) -> None:
    locks = re.findall(r"(?:-r|--requirement)[ =]([\w./-]+)", line)

    assert "--no-deps" in line, f"{name}: {line}"
    assert re.search(r"--require-hashes|--no-build-isolation|--no-index", line), f"{name}: {line}"
    assert not locks or "--require-hashes" in line, f"{name}: {line}"
    assert set(locks) <= set(PINS), f"{name}: {line}"


def test_every_lock_has_its_command() -> None:
    said = " ".join(line for _, line in COMMANDS)

    assert all(re.search(rf"(?:-r|--requirement)[ =]{re.escape(lock)}", said) for lock in PINS)


@pytest.mark.long
def test_failed_install_leaves_no_environment_and_a_half_made_one_is_made_anew(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "requirements-dev.lock").write_text(f"no-such-package==1 --hash=sha256:{'0' * 64}\n")
    half_made = tmp_path / "home" / "pyvenv.cfg"
    half_made.parent.mkdir()
    half_made.write_text("")
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PATH": "/usr/local/bin:/usr/bin:/bin"}

    end = subprocess.run(
        ["make", "install", f"VENV={half_made.parent}", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env=offline,
        capture_output=True,
        text=True,
        check=False,
    )

    assert end.returncode == 2
    assert "no-such-package" in end.stderr
    assert not half_made.parent.exists()


def test_folder_that_is_no_virtual_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")

    end = subprocess.run(["make", "install", f"VENV={tmp_path}"], cwd=ROOT, capture_output=True, check=False, text=True)

    assert end.returncode == 2
    assert "is no virtual environment" in end.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
