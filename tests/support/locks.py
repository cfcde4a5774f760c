"""Locks: what they pin, and which requirements of the packages they pin they leave open."""

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One line of a lock: ``name==version ; marker`` and its hashes."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        """The one version that is pinned."""
        return str(self.requirement.specifier).removeprefix("==")


def read_lock(text: str) -> dict[str, Pin]:
    """Return each pin by its package's canonical name."""
    entries = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    pins: dict[str, Pin] = {}
    for entry in entries:
        line, *hashes = re.split(r"\s*--hash=", entry.strip())
        requirement = Requirement(line)
        pins[canonicalize_name(requirement.name)] = Pin(requirement=requirement, hashes=tuple(hashes))
    return pins


def environments() -> Iterator[dict[str, str]]:
    """Yield the marker environments that a lock must serve: each supported Python on each system."""
    for python in PYTHONS:
        for platform, system, machine in SYSTEMS:
            yield {
                **{name: str(value) for name, value in default_environment().items()},
                "python_version": python,
                "python_full_version": f"{python}.0",
                "sys_platform": platform,
                "platform_system": system,
                "platform_machine": machine,
            }


def open_requirements(pins: dict[str, Pin], roots: Iterable[Requirement]) -> list[str]:
    """Return a sentence for each requirement, direct or not, that a lock does not pin.

    pins   of one lock
    roots  what the lock was made of

    The packages' own requirements are read from the metadata of what is installed, which must be the pinned versions.
    """
    roots = list(roots)
    found = {sentence for environment in environments() for sentence in _open_in(pins, roots, environment)}
    return sorted(found)


def _open_in(pins: dict[str, Pin], roots: list[Requirement], environment: dict[str, str]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    waiting = [(root, "", "pyproject.toml") for root in roots]
    while waiting:
        requirement, extra, asker = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        pin = pins.get(name)
        where = f"Python {environment['python_version']} on {environment['sys_platform']}"
        if pin is None or (pin.requirement.marker and not pin.requirement.marker.evaluate(environment)):
            yield f"{asker} wants {requirement}, which is not pinned for {where}"
            continue
        if not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{asker} wants {requirement}, and {pin.version} is pinned"
        for wanted in {"", *requirement.extras} - {of for package, of in seen if package == name}:
            seen.add((name, wanted))
            waiting += [(inner, wanted, name) for inner in _requirements_of(name, pin, environment)]


def _requirements_of(name: str, pin: Pin, environment: dict[str, str]) -> list[Requirement]:
    installed = _installed(name)
    if installed is None:
        assert not _is_here(environment), f"{name} is pinned for this Python and system, and is not installed"
        return []  # for another Python or system only, so its metadata is not here
    version, requirements = installed
    assert version == pin.version, f"{name} {version} is installed, and {pin.version} is pinned"
    return requirements


@cache
def _installed(name: str) -> tuple[str, list[Requirement]] | None:
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return found.version, [Requirement(text) for text in found.requires or ()]


def _is_here(environment: dict[str, str]) -> bool:
    names = ("python_version", "sys_platform", "platform_machine")
    return all(environment[name] == dict(default_environment())[name] for name in names)


VERBS = "install|download|wheel"
INSTALLING = re.compile(rf'\bpip3?"?(?:\s+--?[\w-]+(?:[= ](?!(?:{VERBS})\b)\S+)?)*\s+(?:{VERBS})\b.*')


def install_lines(text: str) -> list[str]:
    """Return each command of a text that has pip install, fetch or build something, continuations joined."""
    joined = re.sub(r"\\\n\s*", "", text)
    commands = (part for line in joined.splitlines() for part in re.split(r"&&|\|\||;", line))
    return [found.group().strip() for command in commands if (found := INSTALLING.search(command))]


def tracked_texts(root: Path) -> dict[str, str]:
    """Return what a person or a machine may follow: each text of the checkout but locks and Python."""
    names = ("Makefile", "Dockerfile", "*.md", ".ci/*", "helm/**/*", "docs/**/*", "service/**/*.md")
    paths = {path for name in names for path in root.glob(name) if path.is_file()}
    texts = {str(path.relative_to(root)): path for path in paths if path.suffix not in {".lock", ".png", ".in"}}
    return {name: path.read_text(encoding="utf-8") for name, path in sorted(texts.items())}
