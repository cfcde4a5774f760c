"""The OpenAPI document as others read it: a validator, and schemathesis.

That sends what the document allows and what it does not. It is a process of its own, and talks to a real service over
HTTP: about three thousand requests.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.openapi.document import PATH
from tests.support.app_fixture import RED_TO_WEB, TOKEN, Instance, environ
from tests.support.cli_runner import served as pretend_served
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.processes import serve, surroundings
from tests.support.sample_history import ROUTES, Past, past

__all__ = ["past"]  # pytest finds fixtures by name

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
SEED = 11
ENDS_WITHIN_S = 900

validator: Any = pytest.importorskip("openapi_spec_validator")


@pytest.mark.long
async def test_document_is_valid_by_the_specification(instance: Instance) -> None:
    document = (await instance.http.get(PATH)).json()

    validator.OpenAPIV31SpecValidator(document).validate()


def fuzz(folder: Path, routes: str) -> subprocess.CompletedProcess[str]:
    """Serve a folder, and have schemathesis ask it everything."""
    if not SCHEMATHESIS.exists():
        pytest.skip("no schemathesis: it is among the development requirements")
    pretend = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    asks = {"ROUNDSMAN_RECONCILE": "0", "ROUNDSMAN_CIRCLECI_TOKEN": TOKEN}
    with (
        pretend_served(pretend) as circleci,
        serve(folder, {**environ(folder, routes), **asks, "ROUNDSMAN_CIRCLECI_URL": circleci}) as served,
    ):
        words = [
            *("run", f"{served.address}{PATH}", "--seed", str(SEED), "--generation-deterministic"),
            *("--header", f"Authorization: Bearer {ADMIN_TOKEN}", "--continue-on-failure", "--no-color"),
            *("--exclude-checks", "use_after_free"),  # to delete a silence ends it, and it stays on record
            *("--suppress-health-check", "all", "--max-examples", "25", "--no-shrink"),
        ]
        return subprocess.run(
            [str(SCHEMATHESIS), *words],
            cwd=folder,
            env=surroundings({"SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks", "PYTHONPATH": str(Path.cwd())}),
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN_S,
            check=False,
        )


@pytest.mark.long
def test_schemathesis_finds_nothing_in_an_empty_service(tmp_path: Path, migrated: Path) -> None:
    shutil.copy(migrated, tmp_path / "roundsman.db")

    asked = fuzz(tmp_path, RED_TO_WEB)

    assert asked.returncode == 0, asked.stdout + asked.stderr


@pytest.mark.long
def test_schemathesis_finds_nothing_in_a_service_with_a_past(tmp_path: Path, past: Past) -> None:
    shutil.copytree(past.folder, tmp_path / "past")

    asked = fuzz(tmp_path / "past", ROUTES)

    assert asked.returncode == 0, asked.stdout + asked.stderr
