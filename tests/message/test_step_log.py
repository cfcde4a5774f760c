"""The end of a failed step's log: short, and without secrets of any kind."""

import pytest

from service.message.step_log import MASK, MAX_BYTES, MAX_LINES, mask_secrets, short_log

RANDOM = "q8Zr4LwX0mVb7TnK2sYp"
KEY = "-----BEGIN {} KEY-----\nMIIEpAIBAAKCAQEAxyz\nabc+/=\n-----END {} KEY-----"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        *[
            (form.format("hunter2"), "hunter2")
            for form in (
                "PASSWORD=hunter2",
                "export DB_PASSWORD='{}'",
                'db.password: "{}"',
                "passwd = {}",
                '{{"api_key": "{}"}}',
                "client-secret => {}",
                "AWS_SECRET_ACCESS_KEY={}",
                "mysql --password {} -u root",
                "curl --token={}",
                "GET /v1?access_token={}&page=2",
                'password: "{} with blanks"',
            )
        ],
        ("https://ada:hunter2@example.com/x", "hunter2"),
        ("postgres://app:p@ss/w@db/x", "p@ss"),
        ("git clone https://x-access-token:abc123@github.com/acme/web", "abc123"),
        ("Authorization: Basic YWRhOmh1bnRlcjI=", "YWRhOmh1bnRlcjI"),
        ("< Set-Cookie: session=abc; HttpOnly", "session=abc"),
        ("sent bearer abcdefgh1234", "abcdefgh1234"),
        (f"ghp_{RANDOM}", RANDOM),
        (f"github_pat_{RANDOM}", RANDOM),
        (f"xoxb-{RANDOM}", RANDOM),
        (f"glpat-{RANDOM}", RANDOM),
        ("AKIA" + "IOSFODNN7EXAMPLE", "IOSFODNN7"),
        (f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{RANDOM}", "eyJzdWIi"),
        (f"the value {RANDOM} is odd", RANDOM),
        ("the value aZ3-bY4_cX5+dW6=eV7f is odd", "aZ3-bY4_cX5"),  # of 20 characters
        ("digest 0123456789abcdef0123456789abcdef", "0123456789abcdef"),
        (KEY.format("RSA PRIVATE", "RSA PRIVATE"), "MIIEpAIBAAKCAQEAxyz"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEcut", "MIIEcut"),
    ],
)
def test_a_secret_is_masked(line: str, secret: str) -> None:
    masked = mask_secrets(f"before\n{line}")

    assert secret not in masked
    assert MASK in masked
    assert masked.startswith("before\n")


@pytest.mark.parametrize(
    "line",
    [
        "FAILED tests/test_prices.py::test_rounding_of_prices_half_up - assert 1 == 2",
        "E   AssertionError: expected 200, got 500",
        "commit 4f1c9a6be0d27c5583f0c1b7d6a94e2f8b3d5c70",
        "https://example.com/a/b?page=2",
        "container unit-tests-of-checkout-with-vouchers-7-of-12 has ended",
        "Exited with code exit status 1",
        "Test-Run-of-0000000001-00000000001-000000002",  # long, and not random
        "aZ3-bY4_cX5+dW6=eV7",  # random, and of 19 characters
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert mask_secrets(line) == line


def test_only_the_last_lines_are_kept_within_the_bytes() -> None:
    lines = short_log("\r\n".join(f"line {number}" for number in range(500)))
    assert lines == tuple(f"line {number}" for number in range(500 - MAX_LINES, 500))

    long = short_log("\n".join("é" * 5_000 for _ in range(100)))
    assert len("\n".join(long).encode()) <= MAX_BYTES


def test_colors_progress_bars_and_empty_lines_are_left_out() -> None:
    assert short_log("\x1b[31mred\x1b[0m\n\n 10%\r 50%\r100%\n\x1b]0;title\x07end") == ("red", "100%", "end")


def test_a_key_is_masked_also_if_its_beginning_lies_before_the_last_lines() -> None:
    body = "\n".join("MIIEpAIBAAKCAQEA" for _ in range(60))

    lines = short_log(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\nfailed")

    assert "MIIE" not in "".join(lines)
    assert lines[-1] == "failed"


def test_long_hostile_lines_take_no_long_time() -> None:
    for piece in ("password", "-", "a" * 50 + ".", "://", "\x1b[", "token=", "eyJ"):
        short_log(piece * 40_000)
