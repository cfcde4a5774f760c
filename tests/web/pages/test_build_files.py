"""The pages of what a build ran and left: CircleCI is asked when they open, and its texts are shown as texts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from service.operations.builds.build_files import MAX_TEXT
from service.testing.fake_circleci.artifacts_routes import COMPILED, SOURCE
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support.app_fixture import RED, RED_TO_WEB, TOKEN, Instance, an_instance
from tests.support.pages_fixture import text

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m{{ 7 * 7 }}"


@asynccontextmanager
async def a_build(folder: Path) -> AsyncIterator[tuple[FakeCircleCI, Instance, str]]:
    """A red build, and a fake CircleCI that can be asked for its files."""
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    fake.run_finished(RED)
    async with (
        serving(fake.app, listen("127.0.0.1", 0)) as address,
        an_instance(folder, RED_TO_WEB, ROUNDSMAN_CIRCLECI_URL=address) as instance,
    ):
        event_id = await instance.finish(RED)
        await instance.drain()
        yield fake, instance, event_id


@pytest.mark.long
async def test_configuration_is_shown_as_written_and_as_run_and_asked_for_once(folder: Path) -> None:
    async with a_build(folder) as (fake, instance, event_id):
        page = await instance.http.get(f"/builds/{event_id}")
        first, second = [await instance.http.get(f"/builds/{event_id}/config") for _ in range(2)]

    assert f'href="/builds/{event_id}/config"' in page.text
    assert f'href="/builds/{event_id}/artifacts"' in page.text
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-store")
    for words in (SOURCE, COMPILED):
        assert words.strip().replace("'", "&#39;") in first.text
    assert first.text.count("<pre") == second.text.count("<pre") == 2
    assert len([call for call in fake.calls if call.path.endswith("/config")]) == 1


@pytest.mark.long
@pytest.mark.parametrize("setup", ["setup-config", "setup_config"])
async def test_hostile_and_large_texts_are_texts_cut_with_a_word_on_that(folder: Path, setup: str) -> None:
    async with a_build(folder) as (fake, instance, event_id):
        fake.build_files.configs[RED.pipeline_id] = {
            "source": HOSTILE,
            "compiled": "x" * (MAX_TEXT + 1),
            setup: "key:\n\tvalue",
        }
        response = await instance.http.get(f"/builds/{event_id}/config")

    assert "<script>alert" not in response.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in response.text
    assert "{{ 7 * 7 }}" in response.text
    assert not {"\u202e", "\x1b", "\t"} & set(response.text)
    assert "key:\n    value" in response.text
    assert text(response).count("Only its beginning is shown") == 1
    assert "x" * MAX_TEXT in response.text
    assert "x" * (MAX_TEXT + 1) not in response.text


@pytest.mark.long
async def test_artifacts_are_links_that_no_one_here_follows(folder: Path) -> None:
    failed = next(job for job in RED.jobs if job.status == "failed" and job.number)
    async with a_build(folder) as (fake, instance, event_id):
        fake.build_files.left[failed.number or 0] = [
            {"path": HOSTILE, "node_index": 3, "url": "javascript:alert(1)"},
            {"path": "coverage/index.html", "node-index": 0, "url": "https://output.example.com/coverage/index.html"},
            {"path": 7, "url": None},
        ]
        response = await instance.http.get(f"/builds/{event_id}/artifacts")

    assert response.status_code == 200
    assert 'href="javascript' not in response.text
    assert "<script>alert" not in response.text
    assert 'href="https://output.example.com/coverage/index.html" rel="noreferrer nofollow"' in response.text
    assert "parallel run 3" in text(response)
    assert {call.version for call in fake.calls if "output" in call.path} == set()
    jobs = [call.path for call in fake.calls if call.path.endswith("/artifacts")]
    assert jobs[0].endswith(f"/acme/web/{failed.number}/artifacts")
    assert len(jobs) == len({job.number for job in RED.jobs if job.number})


@pytest.mark.long
@pytest.mark.parametrize("what", ["config", "artifacts"])
async def test_what_circleci_refuses_is_said_and_asked_for_again(folder: Path, what: str) -> None:
    async with a_build(folder) as (fake, instance, event_id):
        fake.faults.next(f"*/{what}", broken(404, "Not found"), times=10)
        refused = await instance.http.get(f"/builds/{event_id}/{what}")
        asked = len(fake.calls)
        await instance.http.get(f"/builds/{event_id}/{what}")

    assert refused.status_code == 200
    assert "cannot be shown: CircleCI answered 404" in text(refused)
    assert len(fake.calls) > asked


@pytest.mark.long
@pytest.mark.parametrize("what", ["config", "artifacts"])
async def test_files_of_no_build_and_of_no_session_are_refused(folder: Path, what: str) -> None:
    async with a_build(folder) as (fake, instance, _):
        asked = len(fake.calls)
        missing = await instance.http.get(f"/builds/{'0' * 32}/{what}")
        async with instance.stranger() as stranger:
            strange = await stranger.get(f"/builds/{'0' * 32}/{what}")
        assert len(fake.calls) == asked

    assert missing.status_code == 404
    assert strange.status_code == 303
    assert strange.headers["location"].startswith("/login?")
