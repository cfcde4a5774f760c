"""Where a request came from: what proxies say is believed of those that are trusted, and of no other."""

import json
from ipaddress import ip_network

import pytest

from service.config.env import load_settings
from service.errors import BadConfig
from service.web.server.proxies import MAX_HOPS, Network, TrustedProxies
from service.web.server.server import LOOPBACK
from tests.support.raw_client import HOST, connected, echoing

PROXIES = (*LOOPBACK, ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))
ELSEWHERE = (ip_network("192.0.2.1/32"),)
ADA, EVE = "203.0.113.9", "198.51.100.7"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ([ADA], ADA),
        ([f"{EVE}, {ADA}"], ADA),
        ([f"{EVE}, {ADA}, 10.1.2.3"], ADA),
        ([EVE, ADA, "10.1.2.3, 127.0.0.1"], ADA),
        (["10.1.2.3, 10.1.2.4"], "10.1.2.3"),
        ([f"{ADA}:51234"], ADA),
        (["[2001:db8::7]:443"], "2001:db8::7"),
        (['"[2001:db8::7]"'], "2001:db8::7"),
        (["2001:DB8:0:0::7, 2001:db8:1::1"], "2001:db8::7"),
        ([f"::ffff:{ADA}"], ADA),
        (["fe80::1%eth0"], "fe80::1"),
        ([f"{EVE}, unknown, 10.1.2.3"], "10.1.2.3"),
        (["unknown"], "127.0.0.1"),
        ([""], "127.0.0.1"),
        ([",,,"], "127.0.0.1"),
        (["\xff\xfe' or 1=1"], "127.0.0.1"),
        (["9" * 60_000], "127.0.0.1"),
        (["[" * 200], "127.0.0.1"),
        (["1.2.3.4" + "," * 60_000], "127.0.0.1"),
        ([f"{EVE}, " + "10.1.2.3, " * 6_000 + "10.9.9.9"], "10.1.2.3"),
    ],
)
def test_hops_are_followed_from_the_last_one_as_far_as_trusted_proxies_wrote_them(
    forwarded: list[str], client: str
) -> None:
    found = TrustedProxies(PROXIES).find_client("127.0.0.1", [value.encode("latin-1") for value in forwarded])

    assert found == client


def test_only_so_many_hops_are_looked_at() -> None:
    hops = [ADA, *["10.1.2.3"] * MAX_HOPS]

    assert TrustedProxies(PROXIES).find_client("127.0.0.1", [", ".join(hops).encode()]) == "10.1.2.3"


@pytest.mark.parametrize(("host", "is_trusted"), [("::ffff:127.0.0.1", True), ("::1", True), ("", False), ("x", False)])
def test_a_peer_is_trusted_by_its_address(host: str, is_trusted: bool) -> None:
    assert TrustedProxies(LOOPBACK).trusts(host) is is_trusted


FORWARDED = f"X-Forwarded-For: {ADA}\r\nX-Forwarded-Proto: https\r\n".encode()


@pytest.mark.long
@pytest.mark.parametrize(
    ("trusted", "fields", "found"),
    [
        (LOOPBACK, FORWARDED, (ADA, "https")),
        (LOOPBACK, b"", ("127.0.0.1", "http")),
        (LOOPBACK, b"X-Forwarded-Proto: javascript\r\n", ("127.0.0.1", "http")),
        (LOOPBACK, b"X-Forwarded-For: \xff\xfe\r\n", ("127.0.0.1", "http")),
        (ELSEWHERE, FORWARDED, ("127.0.0.1", "http")),
        ((), FORWARDED, ("127.0.0.1", "http")),
    ],
)
async def test_a_request_has_the_client_and_the_scheme_that_a_trusted_proxy_says(
    monkeypatch: pytest.MonkeyPatch, trusted: tuple[Network, ...], fields: bytes, found: tuple[str, str]
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    async with echoing(trusted_proxies=trusted) as url, connected(url) as wire:
        await wire.send(b"GET / HTTP/1.1\r\n" + HOST + fields + b"\r\n")
        _, body = await wire.answer()

    assert (json.loads(body)["client"], json.loads(body)["scheme"]) == found


@pytest.mark.parametrize(
    ("written", "networks"),
    [
        ("10.0.0.0/8", ("10.0.0.0/8",)),
        ("10.1.2.3, 2001:db8::/32", ("10.1.2.3/32", "2001:db8::/32")),
        ("10.1.2.3 10.1.2.4,", ("10.1.2.3/32", "10.1.2.4/32")),
        ("none", ()),
        (None, ("127.0.0.0/8", "::1/128")),
    ],
)
def test_the_setting_names_networks(written: str | None, networks: tuple[str, ...]) -> None:
    settings = load_settings({} if written is None else {"ROUNDSMAN_TRUSTED_PROXIES": written})

    assert tuple(map(str, settings.trusted_networks)) == networks


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("10.0.0.1/8", "holds '10.0.0.1/8', which is no address or network like 10.0.0.0/8; did you mean 10.0.0.0/8?"),
        ("nginx", "holds 'nginx', which is no address or network like 10.0.0.0/8; separate them by commas"),
        ("*", "holds '*', which is no address or network like 10.0.0.0/8; separate them by commas"),
        (",", "holds '', which is no address or network like 10.0.0.0/8; separate them by commas"),
    ],
)
def test_what_is_no_network_is_said(written: str, sentence: str) -> None:
    with pytest.raises(BadConfig) as refused:
        load_settings({"ROUNDSMAN_TRUSTED_PROXIES": written})

    assert str(refused.value) == f"ROUNDSMAN_TRUSTED_PROXIES {sentence}"
