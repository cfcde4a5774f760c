"""Fingerprints: equal for failures that differ by times and the like only. Pure."""

import re
from hashlib import sha256

MAX_TEXT = 100_000  # characters that are looked at: the first and the last half of them
KEPT_BYTES = 5_000  # of the beginning, and of the end

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_WEEKDAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AaPp][Mm]\b)?"
_ZONE = r"(?:Z\b| ?[+-]\d\d:?\d\d\b| (?:UTC|GMT)\b)?"
_UNIT = (
    "(?:ns|µs|us|ms|s|m|h|nanosec(?:ond)?s?|microsec(?:ond)?s?|millis(?:ec(?:ond)?s?)?|sec(?:ond)?s?|min(?:ute)?s?|"
    "h(?:ou)?rs?|days?)"
)
_OCTET = r"\d{1,3}"

_TOKENS = (
    ("", r"\x1b\[[0-9;?]{0,20}[A-Za-z]"),  # colors of a terminal
    ("<uuid>", r"(?<![0-9A-Za-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z])"),
    ("<temp>", r"(?:/private)?/(?:tmp|var/tmp|var/folders)(?:/[^\s\"'<>:;,()\[\]]{1,500})"),
    ("<temp>", r"[a-z]:\\(?:[^\s\"'<>:;,()\\]{1,100}\\){0,20}te?mp\\[^\s\"'<>:;,()]{1,500}"),
    ("<time>", rf"(?<![\w.])\d{{4}}-\d\d-\d\d[T ]{_CLOCK}{_ZONE}"),
    ("<date>", rf"\b{_WEEKDAY}\d{{1,2}} {_MONTH}(?: \d{{4}})?\b"),
    ("<date>", rf"\b{_WEEKDAY}{_MONTH} {{1,2}}\d{{1,2}}(?:,? \d{{4}})?\b"),
    ("<date>", r"(?<![\w./-])(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?![\w/-])"),
    ("<address>", rf"(?<![\w.]){_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?::\d{{1,5}})?(?![\w.])"),
    ("<address>", r"\[(?=[0-9a-f:]{0,39}::|(?:[0-9a-f]{1,4}:){7})[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}\](?::\d{1,5})?"),
    (
        "<address>",
        r"(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])|(?<![\w:])(?:[0-9a-f]{0,4}:){1,6}:[0-9a-f]{0,4}(?![\w:])",
    ),
    ("<time>", rf"(?<![\w.:)<>-]){_CLOCK}{_ZONE}(?![\w:])"),
    ("localhost:<port>", r"\blocalhost:\d{1,5}\b"),
    ("port <port>", r"\bports?[ =:]{1,2}\d{1,5}\b"),
    ("://<address>", r"://[\w.-]{1,253}:\d{1,5}\b"),
    ("<pid>", r"\b(?:pid|process)[ =:#]{1,2}\d{1,10}\b"),
    ("line <line>", r"\b(?:line|ln)[ :]{1,2}\d{1,9}\b"),
    ("<line>", r"(?<=[\w\])>]):\d{1,9}(?::\d{1,9})?(?![\w.])"),
    (
        "<duration>",
        rf"(?<![\w.])\d{{1,12}}(?:[.,]\d{{1,9}})? ?{_UNIT}(?:,? ?\d{{1,12}}(?:\.\d{{1,9}})? ?{_UNIT}){{0,4}}\b",
    ),
    ("<hex>", r"(?<![0-9a-z])(?:0x[0-9a-f]{1,64}|[0-9a-f]{8,4096})(?![0-9a-z])"),
    (" ", r"[ \t]{1,}"),
)
_COMPILED = tuple((token, re.compile(pattern, re.IGNORECASE)) for token, pattern in _TOKENS)


def fingerprint(text: str | None) -> str | None:
    """Return the fingerprint of a failure's text; None if nothing is left of it."""
    normal = normalize(text or "")
    return sha256(normal.encode(errors="replace")).hexdigest() if normal else None


def normalize(text: str) -> str:
    """Return a failure's text with tokens for times, dates, addresses and so on.

    Repeated lines stand once. Of a long text the first and the last 5 kB are kept.
    """
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT // 2]}\n{text[-MAX_TEXT // 2 :]}"
    for token, pattern in _COMPILED:
        text = pattern.sub(token, text)
    lines = dict.fromkeys(line.strip() for line in text.splitlines())
    return _ends("\n".join(line for line in lines if line))


def _ends(text: str) -> str:
    spelled = text.encode(errors="replace")
    if len(spelled) <= 2 * KEPT_BYTES:
        return text
    return (spelled[:KEPT_BYTES] + b"\n" + spelled[-KEPT_BYTES:]).decode(errors="ignore")
