"""The error tree: each type has its own handling, so no code parses messages.

RoundsmanError
├── Rejected      the sender gets a 4xx and nothing is stored
│   ├── BadSignature    401
│   │   ├── Unsigned        there is no signature
│   │   └── UnknownSecret   there is one, made with a secret that is not configured
│   ├── Unauthorized    401: no valid credential
│   ├── Forbidden       403: refused with any credential, for its address or its origin
│   ├── TooManyRequests 429: too much at once; has a Retry-After
│   │   └── TooManyGuesses  too many wrong credentials from one address
│   └── BadRequest      any other 4xx, with its status
│       └── AlreadyTaken    409: another person has the incident
├── Temporary     worth trying again later; may carry the time to wait
│   └── NotBegun        the begin of an attempt could not be stored
├── Permanent     trying again will not help: a dead letter, for a person
│   ├── AccessRefused   a channel does not accept our address or credentials
│   └── NoToken         no CircleCI API token is configured
├── BadConfig     settings or roundsman.yaml: refuse to start
└── NotFound      the requested id is not in the database

A message names the thing and the next step, and never holds a secret.
"""


class RoundsmanError(Exception):
    """The base class of every error that Roundsman raises on purpose.

    was_not_taken   True if the other side has surely not taken the message that it is about
    """

    was_not_taken = False


class Rejected(RoundsmanError):
    """A request that the sender must change: answer ``status``, store nothing.

    ``next_step`` is appended to the message.
    """

    status = 400

    def __init__(self, reason: str, *, next_step: str | None = None) -> None:
        super().__init__(f"{reason}; {next_step}" if next_step else reason)
        self.reason = reason
        self.next_step = next_step

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        return {}


class BadSignature(Rejected):
    """A request whose signature was not made with a configured secret."""

    status = 401


class Unsigned(BadSignature):
    """A request without a signature."""


class UnknownSecret(BadSignature):
    """A request with a signature made with an unknown secret."""


class Unauthorized(Rejected):
    """A request for pages or API without a valid credential.

    challenge   the schemes that the client may use, for the header WWW-Authenticate
    """

    status = 401

    def __init__(self, reason: str, *, challenge: str = "Bearer") -> None:
        super().__init__(reason)
        self.challenge = challenge

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        return {"WWW-Authenticate": self.challenge}


class Forbidden(Rejected):
    """A request that is refused with any credential, for its address or its origin."""

    status = 403


class TooManyRequests(Rejected):
    """More requests than can be served at once.

    retry_after_s   seconds until the sender may try again
    """

    status = 429

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        return {"Retry-After": str(self.retry_after_s)}


class TooManyGuesses(TooManyRequests):
    """Too many wrong credentials from one address."""


class BadRequest(Rejected):
    """A request that cannot be served as it is, with the status of the answer."""

    def __init__(self, reason: str, *, status: int = 400, next_step: str | None = None) -> None:
        super().__init__(reason, next_step=next_step)
        self.status = status


class AlreadyTaken(BadRequest):
    """An incident that another person has: it is taken only in place of theirs.

    holder   the name of the one who has it
    """

    def __init__(self, reason: str, *, holder: str, next_step: str | None = None) -> None:
        super().__init__(reason, status=409, next_step=next_step)
        self.holder = holder


class Temporary(RoundsmanError):
    """A failure that may pass: trying again later may help.

    detail          text for the log alone, such as the name of a host; it follows the sentence there
    retry_after_s   seconds that the other side asked to wait; None when it named none
    """

    def __init__(self, sentence: str, *, detail: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(f"{sentence}: {detail}" if detail else sentence)
        self.sentence = sentence
        self.detail = detail
        self.retry_after_s = retry_after_s


class NotBegun(Temporary):
    """A job that sent nothing: the begin of its attempt could not be stored.

    Another run of the job may be sending: a process that was taken for dead gets its own jobs again.
    """


class Permanent(RoundsmanError):
    """A failure that does not pass: trying again will not help."""


class NoToken(Permanent):
    """No CircleCI API token is configured.

    That is the operator's choice, so notifications do not mention it.
    """


class AccessRefused(Permanent):
    """The other side does not accept our address or credentials.

    Another process may succeed with newer ones.
    """


class BadConfig(RoundsmanError):
    """A wrong configuration.

    problems   one sentence for each, with its place and next step
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFound(RoundsmanError):
    """The requested thing is not in the database."""
