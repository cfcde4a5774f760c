"""What docs/deploying.md has people install: units for systemd, and the script that runs commands beside them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from service.cli._ca_certificates import share_ca_certificates
from service.errors import BadConfig
from service.pipeline.context import RetryPolicy
from tests.app.test_reload import news
from tests.generate_docs import ROOT
from tests.support.app_fixture import RED_TO_WEB, environ
from tests.support.fake_servers import internet
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, serve, surroundings, until

FOLDER = ROOT / "docs" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
MAX_EXPOSURE = 3.0


def lines(unit: Path) -> list[str]:
    return unit.read_text(encoding="utf-8").splitlines()


def test_every_role_has_a_unit() -> None:
    commands = [line.split()[1] for unit in UNITS for line in lines(unit) if line.startswith("ExecStart=")]

    assert sorted(commands) == ["migrate", "serve", "web", "worker"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_does_not_give_up_but_for_a_wrong_configuration(unit: Path) -> None:
    assert set(lines(unit)) >= {
        "StartLimitIntervalSec=0",
        "Restart=on-failure",
        "RestartSec=5",
        "RestartPreventExitStatus=2",
        "TimeoutStartSec=infinity",
        "UMask=0077",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
    }


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.stem in {"roundsman", "roundsman-worker"}])
def test_unit_that_sends_outlives_the_grace_of_a_send(unit: Path) -> None:
    [stop_s] = [line.partition("=")[2] for line in lines(unit) if line.startswith("TimeoutStopSec=")]

    assert int(stop_s) >= RetryPolicy.send_grace.total_seconds() + 10


@pytest.mark.parametrize("unit", [unit for unit in UNITS if "migrate" not in unit.stem], ids=lambda unit: unit.stem)
def test_a_service_says_when_it_is_ready_and_reloads(unit: Path) -> None:
    assert {"Type=notify", "ExecReload=/bin/kill -HUP $MAINPID"} <= set(lines(unit))


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_a_unit_and_finds_it_hardened(unit: Path, tmp_path: Path) -> None:
    for each in UNITS:
        text = each.read_text(encoding="utf-8").replace("/opt/roundsman/bin/roundsman", str(ROUNDSMAN))
        (tmp_path / each.name).write_text(text, encoding="utf-8")

    verified = subprocess.run(
        [str(ANALYZE), "verify", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
    )
    rated = subprocess.run(
        [str(ANALYZE), "security", "--offline=true", str(unit)], capture_output=True, text=True, check=False
    )

    assert [line for line in verified.stderr.splitlines() if unit.stem in line] == []
    [exposure] = re.findall(r"exposure level for \S+: ([\d.]+)", rated.stdout)
    assert float(exposure) < MAX_EXPOSURE


def as_the_service(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command by the script; a test cannot become another user."""
    given = {
        "ROUNDSMAN_ENV_FILE": str(folder / "roundsman.env"),
        "ROUNDSMAN_PROGRAM": str(ROUNDSMAN),
        "ROUNDSMAN_RUN_AS": "root",
    }
    return subprocess.run(
        [str(FOLDER / "roundsman"), *words],
        cwd=folder,
        env=surroundings(given),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )


@pytest.mark.long
def test_a_command_has_the_settings_of_the_service_as_they_are_written(folder: Path) -> None:
    hostile = "a&b;$(touch made) `touch made` \"c\" '$HOME' #d"
    given = environ(folder, RED_TO_WEB.replace("json://web.example.com", "'${WEB}'")) | {
        "WEB": "json://web.example.com/?to=a&from=$HOME;b",
        "ROUNDSMAN_WEBHOOK_SECRETS": hostile,
    }
    written = "".join(f"{name}={value}\n" for name, value in given.items())
    (folder / "roundsman.env").write_text(f"# settings\n\n{written}", encoding="utf-8")

    ended = as_the_service(folder, "routes", "check")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert not (folder / "made").exists()


def test_a_line_that_is_no_setting_is_named_without_its_value(folder: Path) -> None:
    (folder / "roundsman.env").write_text("export A=an-invented-secret\n", encoding="utf-8")

    ended = as_the_service(folder, "version")

    assert ended.returncode == 2
    assert "not NAME=value: export A" in ended.stderr
    assert "an-invented-secret" not in ended.stderr


# certificates


def test_one_variable_names_the_certificates_for_both_sides(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    ours, theirs, both = (
        {"SSL_CERT_FILE": str(file)},
        {"REQUESTS_CA_BUNDLE": str(file)},
        {"SSL_CERT_DIR": str(tmp_path)},
    )
    for environment in (ours, theirs, both):
        share_ca_certificates(environment)

    assert ours == theirs == {"SSL_CERT_FILE": str(file), "REQUESTS_CA_BUNDLE": str(file)}
    assert both["REQUESTS_CA_BUNDLE"] == str(tmp_path)


def test_certificates_that_are_not_there_are_a_wrong_configuration(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"SSL_CERT_FILE: .*/nowhere does not exist"):
        share_ca_certificates({"SSL_CERT_FILE": str(tmp_path / "nowhere")})


@pytest.mark.long
def test_a_channel_trusts_the_authority_that_ssl_cert_file_names(folder: Path) -> None:
    routes = RED_TO_WEB.replace("json://web.example.com", "jsons://web.example.com")
    with internet() as end:
        given = environ(folder, routes, SSL_CERT_FILE=os.environ["REQUESTS_CA_BUNDLE"], REQUESTS_CA_BUNDLE="")
        del given["ROUNDSMAN_CIRCLECI_TOKEN"]
        with serve(folder, given) as served:
            served.post(news(1))
            until(lambda: len(end.got) == 1)

            assert served.end() == 0
