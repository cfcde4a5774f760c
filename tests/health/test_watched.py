"""Real processes that are killed or whose clocks are wrong, and a real Prometheus that watches them."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.health.test_alerts import RULE_FILES
from tests.pipeline.test_many_processes import Site, a_site, news
from tests.support.app_fixture import RED_TO_WEB, environ
from tests.support.fake_servers import Answer
from tests.support.ports import free_port
from tests.support.processes import Served, serve, until

PROMETHEUS = shutil.which("prometheus")
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
NOTICED_WITHIN_S = 60

pytestmark = pytest.mark.long


@pytest.fixture
def site(request: pytest.FixtureRequest, url_in_real_time: str, tmp_path: Path) -> Iterator[Site]:
    with a_site(request.getfixturevalue("server"), url_in_real_time, tmp_path) as site:
        yield site


@contextmanager
def prometheus(folder: Path, targets: list[str]) -> Iterator[Callable[[], set[tuple[str, str]]]]:
    """Run a Prometheus that looks every second and waits seconds for minutes; yield what asks for alerts that fire."""
    assert PROMETHEUS
    folder.mkdir()
    for file in RULE_FILES:
        hasty = re.sub(r"for: \d+m\n", "for: 2s\n", file.read_text(encoding="utf-8"))
        (folder / file.name).write_text(hasty, encoding="utf-8")
    told = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [file.name for file in RULE_FILES],
        "scrape_configs": [{"job_name": "roundsman", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(told), encoding="utf-8")  # YAML takes JSON
    address = f"127.0.0.1:{free_port()}"
    command = [PROMETHEUS, "--config.file=prometheus.yml", f"--web.listen-address={address}", "--log.level=error"]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            yield lambda: firing(f"http://{address}/api/v1/alerts")
        finally:
            process.terminate()


def firing(url: str) -> set[tuple[str, str]]:
    """The names and roles of the alerts that fire; nothing while Prometheus starts."""
    try:
        alerts: list[Any] = httpx.get(url, trust_env=False).json()["data"]["alerts"]
    except (httpx.HTTPError, ValueError):
        return set()
    return {(one["labels"]["alertname"], one["labels"].get("role", "")) for one in alerts if one["state"] == "firing"}


def noticed(ask: Callable[[], set[tuple[str, str]]], wanted: set[tuple[str, str]]) -> None:
    """Wait until these alerts fire."""
    give_up_at = time.monotonic() + NOTICED_WITHIN_S
    while not wanted <= (found := ask()):
        assert time.monotonic() < give_up_at, f"of {wanted} only {found} fire"
        time.sleep(0.5)


@pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus: Debian's package of this name has it")
def test_each_role_that_is_killed_is_noticed(site: Site, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    settings = environ(alone, RED_TO_WEB, ROUNDSMAN_DATABASE_URL=f"sqlite:///{alone}/roundsman.db")
    with ExitStack() as stack:
        serving = stack.enter_context(serve(alone, settings))
        web, worker = (stack.enter_context(serve(site.folder, site.environ, role)) for role in ("web", "worker"))
        targets = [one.address.removeprefix("http://") for one in (serving, web, worker)]
        ask = stack.enter_context(prometheus(tmp_path / "prometheus", targets))
        time.sleep(8)  # some looks and evaluations, in which all is well
        well = {name for name, _ in ask()}

        worker.process.kill()
        noticed(ask, {("RoundsmanRoleGone", "worker")})
        web.process.kill()
        noticed(ask, {("RoundsmanRoleGone", "web")})
        early = {name for name, _ in ask()}
        serving.process.kill()
        noticed(ask, {("RoundsmanRoleGone", "serve"), ("RoundsmanDown", ""), ("RoundsmanHasNoWorker", "")})

    assert well <= {"RoundsmanHasNoWorker"}  # for a moment nobody has looked for work yet
    assert "RoundsmanDown" not in early


@pytest.mark.skipif(FAKETIME is None, reason="no libfaketime: Debian's package faketime has it")
@pytest.mark.parametrize("off_s", [600, -600])
def test_a_worker_whose_clock_is_ten_minutes_off_delays_nothing(site: Site, off_s: int) -> None:
    faked = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"{off_s:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    site.end.behave(Answer(status=500), Answer())
    with (
        serve(site.folder, site.environ, "web") as web,
        serve(site.folder, site.environ | faked, "worker") as worker,
    ):
        web.post(news(1))
        until(lambda: site.told == 2)
        until(lambda: site.database.rows("SELECT 1 FROM notifications WHERE state = 'sent'") != [])
        numbers = scraped(worker)
        worker.end()

    late = "SELECT number FROM attempts WHERE abs(extract(epoch FROM now() - started_at)) > 60"
    assert site.database.rows(late) == []
    assert numbers["roundsman_clock_offset_seconds"] == pytest.approx(off_s, abs=5)
    side = "ahead of" if off_s > 0 else "behind"
    warnings = [line["event"] for line in worker.log if line["level"] == "warning"]
    assert any(f"600 s {side} the database's" in warning for warning in warnings)


def scraped(served: Served) -> dict[str, float]:
    """The numbers without labels at /metrics."""
    lines = httpx.get(f"{served.address}/metrics", trust_env=False).text.splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#") and "{" not in line}
