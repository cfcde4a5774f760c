"""The end of a failed step's log, short and without secrets."""

import math
import re
from collections import Counter

from service.text import replace_control_chars

MAX_LINES = 30
MAX_BYTES = 4_000
MAX_LINE_CHARACTERS = 300
MAX_READ_LINES = 100  # from the end, and so much of each: masking takes time, and the rest is not shown
MAX_READ_LINE_CHARACTERS = 1_000
MASK = "***"
MIN_RANDOM_CHARACTERS = 20
MIN_ENTROPY = 3.7  # bits a character: of words about 3.2, of random hex 3.8, of random base 64 above 4.3

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL
)
_URL_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)[^\s/@'\"]{1,500}@")
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|cookie|set-cookie|circle-token|private-token)(['\"]?\s*[:=]\s*).*"
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}")
_ASSIGNMENT = re.compile(
    r"(?i)((?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credential|signature)[\w.-]{0,40}['\"]?\s{0,3}(?:=>|[:=])\s{0,3})(\"[^\"]*\"?|'[^']*'?|[^\s,;&]+)"
)
_OPTION = re.compile(
    r"(?i)(--?[\w-]{0,40}(?:passw(?:or)?d|passwd|secret|token|api-?key|access-?key)[\w-]{0,20}\s{1,3})"
    r"(\"[^\"]*\"?|'[^']*'?|[^\s-]\S*)"
)
_KNOWN_TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{8,}|sk[-_](?:live|test|proj|ant)?[-_]?"
    r"[\w-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[\w-]{20,}|npm_\w{16,}|pypi-[\w-]{16,}|CCI[A-Z]{2,4}_[\w-]{8,}|dop_v1_\w{16,}"
    r"|SG\.[\w-]{10,}\.[\w-]{10,}|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)"
)
_WORD = re.compile(rf"[A-Za-z0-9_+=-]{{{MIN_RANDOM_CHARACTERS},}}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)+|[a-z]+|[A-Z_]+")


def short_log(text: str) -> tuple[str, ...]:
    """Return the last lines of a log with its secrets masked.

    There are MAX_LINES and MAX_BYTES at most.
    """
    plain = _KEY_BLOCK.sub(MASK, _ANSI.sub("", text.replace("\r\n", "\n")))
    read = "\n".join(line[:MAX_READ_LINE_CHARACTERS] for line in plain.split("\n")[-MAX_READ_LINES:])
    shown = (line.rpartition("\r")[2] for line in mask_secrets(read).split("\n"))
    lines = [replace_control_chars(line).rstrip()[:MAX_LINE_CHARACTERS] for line in shown]
    kept: list[str] = []
    left = MAX_BYTES
    for line in reversed([line for line in lines if line.strip()][-MAX_LINES:]):
        left -= len(line.encode()) + 1
        if left < 0:
            break
        kept.insert(0, line)
    return tuple(kept)


def mask_secrets(text: str) -> str:
    """Return the text with what may be a secret masked."""
    text = _KEY_BLOCK.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    text = _HEADER.sub(rf"\1\2{MASK}", text)
    text = _SCHEME.sub(rf"\1 {MASK}", text)
    text = _ASSIGNMENT.sub(rf"\1{MASK}", text)
    text = _OPTION.sub(rf"\1{MASK}", text)
    text = _KNOWN_TOKEN.sub(MASK, text)
    return _WORD.sub(_mask_if_random, text)


def _mask_if_random(found: re.Match[str]) -> str:
    word = found[0]
    if _COMMIT.fullmatch(word) or _NAME.fullmatch(word) or not re.search(r"[0-9]", word):
        return word
    counts = Counter(word)
    entropy = -sum(count / len(word) * math.log2(count / len(word)) for count in counts.values())
    return MASK if entropy >= MIN_ENTROPY or re.fullmatch(r"[0-9a-fA-F]{32,}", word) else word
