"""The error tree: the type says what to do about it, so that nobody parses messages.

RoundsmanError
├── Rejected      the sender gets a 4xx and nothing is kept
│   ├── BadSignature    401
│   │   ├── Unsigned        there is no signature at all
│   │   └── UnknownSecret   there is one, made with a secret that is none of ours
│   ├── Unauthorized    401: no credential that we know
│   ├── Forbidden       403: not allowed from there, with any credential
│   ├── TooManyGuesses  429: too many wrong credentials from there; knows when to try again
│   └── BadRequest      any other 4xx, with its status
├── Temporary     worth trying again later; may know when
├── Permanent     trying again will not help: a dead letter, for a person
│   ├── AccessRefused   a channel does not accept our address or credentials
│   └── NoToken         whoever runs Roundsman gave it no token to ask with
├── BadConfig     settings or roundsman.yaml: refuse to start
└── NotFound      somebody asked for a thing by an id that we do not have

A message names the thing and the next step, and never holds a secret.
"""


class RoundsmanError(Exception):
    """Whatever Roundsman raises on purpose."""


class Rejected(RoundsmanError):
    """The sender is at fault: answer ``status``, keep nothing. ``next_step`` is part of the sentence, at its end."""

    status = 400

    def __init__(self, reason: str, *, next_step: str | None = None) -> None:
        super().__init__(f"{reason}; {next_step}" if next_step else reason)
        self.reason = reason
        self.next_step = next_step

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to the answer."""
        return {}


class BadSignature(Rejected):
    """The post is not signed by a secret we know."""

    status = 401


class Unsigned(BadSignature):
    """The post carries no signature at all."""


class UnknownSecret(BadSignature):
    """The post is signed with a secret that is none of ours."""


class Unauthorized(Rejected):
    """Pages and API want a credential, and this is none."""

    status = 401


class Forbidden(Rejected):
    """Not allowed from there, or not in this way, with any credential."""

    status = 403


class TooManyGuesses(Rejected):
    """Too many wrong credentials came from this address: another may be tried after ``retry_after_s``."""

    status = 429

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to the answer."""
        return {"Retry-After": str(self.retry_after_s)}


class BadRequest(Rejected):
    """The request cannot be served as it is."""

    def __init__(self, reason: str, *, status: int = 400, next_step: str | None = None) -> None:
        super().__init__(reason, next_step=next_step)
        self.status = status


class Temporary(RoundsmanError):
    """Trying again later may help; ``retry_after_s`` is what the other side asked for, if it did.

    detail   what strangers must not read, such as the name of a host: in the log it follows the sentence
    """

    def __init__(self, sentence: str, *, detail: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(f"{sentence}: {detail}" if detail else sentence)
        self.sentence = sentence
        self.detail = detail
        self.retry_after_s = retry_after_s


class Permanent(RoundsmanError):
    """Trying again will not help."""


class NoToken(Permanent):
    """There is no token to ask with: a choice of whoever runs Roundsman, and no news to those who are told."""


class AccessRefused(Permanent):
    """The other side does not accept our address or credentials: a process that has newer ones may do better."""


class BadConfig(RoundsmanError):
    """The configuration is wrong: one sentence for each ``problems`` entry, each with its place and next step."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFound(RoundsmanError):
    """There is no such thing here."""
