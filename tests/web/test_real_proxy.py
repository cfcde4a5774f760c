"""A real nginx in front of a real process, as the documentation has it: it logs people in, and names them."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import RED, RED_TO_WEB, environ, signature
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.ports import free_port
from tests.support.processes import Served, serve, until

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
PROXY = "127.0.0.2"
"""The address that nginx asks from: another than that of a program on this machine."""
PASSWORD = "an-invented-password"
SETTINGS = {
    "ROUNDSMAN_USER_HEADER": "X-Forwarded-User",
    "ROUNDSMAN_TRUSTED_PROXIES": f"{PROXY}/32",
    "ROUNDSMAN_ADMINS": "ada@example.com",
}
ADA, SAM = ("ada@example.com", PASSWORD), ("sam", PASSWORD)

pytestmark = [pytest.mark.long, pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed")]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A service, and nginx in front of it."""

    served: Served
    address: str


def written(served: Served, folder: Path, port: int) -> str:
    """The configuration of the documentation, with the addresses and files of a test."""
    blocks = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8"), re.DOTALL)
    server, locations = blocks[0], blocks[1]
    server = re.sub(r"    location / \{.*?\n    \}\n", lambda _: locations, server, flags=re.DOTALL)
    server = re.sub(r"    ssl_certificate.*\n", "", server).replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    server = server.replace("http://127.0.0.1:8000", served.address).replace(
        "/etc/nginx/roundsman.htpasswd", str(folder / "htpasswd")
    )
    own = f"proxy_bind {PROXY}; access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;"
    others = "".join(f"{one}_temp_path {folder}/{one}; " for one in ("fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    return f"{user} daemon off; pid {folder}/pid; events {{}}\nhttp {{ {own} {others}\n{server}\n}}\n"


@contextmanager
def nginx(served: Served, folder: Path) -> Iterator[str]:
    port = free_port()
    (folder / "htpasswd").write_text("".join(f"{name}:{{PLAIN}}{word}\n" for name, word in (ADA, SAM)))
    (folder / "nginx.conf").write_text(written(served, folder, port))
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")]
    with subprocess.Popen(command) as process:
        try:
            until(lambda: answers(port) or process.poll() is not None)
            assert process.poll() is None, (folder / "nginx.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    with serve(folder, environ(folder, RED_TO_WEB, **SETTINGS)) as served, nginx(served, folder) as address:
        yield Site(served=served, address=address)


def ask(address: str, *, user: tuple[str, str] | None = None, method: str = "GET", **more: object) -> httpx.Response:
    return httpx.request(method, address, auth=user, trust_env=False, timeout=60, **more)  # type: ignore[arg-type]


def test_nginx_names_the_user_and_each_has_the_role_of_the_settings(site: Site) -> None:
    form = {"project": "acme/web", "until": "2h", "comment": "a test", "act": "set"}

    stranger = ask(f"{site.address}/builds")
    page, twin = ask(f"{site.address}/builds", user=ADA), ask(f"{site.address}/builds.json", user=SAM)
    set_by = {user[0]: ask(f"{site.address}/silences", user=user, method="POST", data=form) for user in (ADA, SAM)}
    shown = ask(f"{site.address}/silences.json", user=SAM).json()["items"]

    assert stranger.status_code == 401
    assert (page.status_code, twin.status_code) == (200, 200)
    assert "<bdi>ada@example.com</bdi>" in page.text
    assert {name: answer.status_code for name, answer in set_by.items()} == {"ada@example.com": 303, "sam": 403}
    assert [one["who"] for one in shown] == ["ada@example.com"]


def test_forged_header_makes_nobody_another(site: Site) -> None:
    forged = {"X-Forwarded-User": "ada@example.com", "X_Forwarded_User": "ada@example.com"}

    through = ask(f"{site.address}/sessions", user=SAM, headers=forged)
    beside = ask(f"{site.address}/api/v1/events", headers=forged)
    past = ask(f"{site.served.address}/builds", headers={**forged, "X-Forwarded-For": PROXY})

    assert through.status_code == 200
    assert "ada@example.com" not in through.text
    assert beside.status_code == 401
    assert (past.status_code, past.headers["location"]) == (303, "/login?next=%2Fbuilds")
    assert site.served.read_until("a user header was ignored")["client"] == "127.0.0.1"


def test_programs_come_in_without_a_password_and_machines_pages_stay_inside(site: Site) -> None:
    body = as_bytes(workflow_completed(RED))

    posted = ask(
        f"{site.address}/hooks/circleci", method="POST", content=body, headers={"circleci-signature": signature(body)}
    )
    read = ask(f"{site.address}/api/v1/events", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    inside = [ask(f"{site.address}/{name}").status_code for name in ("metrics", "readyz")]

    assert (posted.status_code, read.status_code) == (202, 200)
    assert inside == [404, 404]
