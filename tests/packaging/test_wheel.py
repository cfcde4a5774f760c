"""The wheel: built without a network, installed beside nothing of ours, complete enough to run."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import service
from service.db.revisions import newest_revision
from tests.support.processes import ENDS_WITHIN_S, surroundings

ROOT = Path(service.__file__).parent.parent


def files(folder: str) -> set[str]:
    """Every file of a folder of the checkout, but for what Python leaves there."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(ROOT)) for path in found}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    [built] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment that holds the wheel, and sees our libraries but not this checkout."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    # a folder that a .pth file names has its own .pth files left alone: the checkout stays out of sight
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, env=surroundings({}), timeout=120)
    return home / "bin"


def test_what_is_read_at_run_time_is_inside(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    migrations = {f"service/_{path}" for path in files("migrations")}

    assert files("service") <= inside
    assert migrations <= inside
    assert {"service/py.typed", "service/web/pages/static/roundsman.css", "service/demo/roundsman.yaml"} <= inside


def test_what_is_not_for_users_stays_outside(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"service"}


@pytest.mark.long
def test_it_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    said = {
        words: subprocess.run(
            [str(installed / "roundsman"), *words.split()],
            cwd=tmp_path,
            env=surroundings({}),
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN_S,
            check=True,
        ).stdout
        for words in ("version", "migrate")
    }

    assert said["version"].startswith("roundsman 0.")
    assert said["migrate"] == f"the schema is up to date, at revision {newest_revision()}\n"
    assert (tmp_path / "data" / "roundsman.db").is_file()


@pytest.mark.long
def test_it_is_the_wheel_that_runs_and_not_this_checkout(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [str(installed / "python"), "-c", "import service; print(service.__file__)"],
        cwd=tmp_path,
        env=surroundings({}),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=True,
    ).stdout

    assert where.startswith(str(installed.parent))
