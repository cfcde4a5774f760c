"""Examine a channel of a Slack app: whether its token is accepted, and its scopes."""

from service.channels.apprise_capture import capture
from service.channels.budget import Budget
from service.channels.failures import Recipient
from service.channels.slack_bot.api import Refused, SlackApi
from service.channels.slack_bot.url import Examined, problem, read_address
from service.errors import Permanent, Temporary

HISTORY = {"C": "channels:history", "G": "groups:history", "D": "im:history"}


def examine(to: Recipient, budget: Budget, *, base_url: str) -> Examined:
    """Ask Slack whose token it is; nothing is posted."""
    address = read_address(to.url)
    if address is None:
        return Examined(sentence=str(problem(to.url)), is_wrong=True)
    with capture(budget):
        api = SlackApi(base_url, address.token, to)
        try:
            answer = api.call("auth.test", arguments={}, is_json=False)
        except Refused as refused:
            return Examined(sentence=str(api.to_error(refused)), is_wrong=True)
        except (Temporary, Permanent) as error:
            return Examined(sentence=str(error), is_wrong=True)
    user, team = (to.redact(str(answer.get(name) or "?")) for name in ("user", "team"))
    accepted = f"Slack accepts the token; it is {user}'s of {team}"
    return _examine_scopes(accepted, answer.get("scopes"), address.channel)


def _examine_scopes(accepted: str, scopes: object, channel: str) -> Examined:
    """Return the finding about scopes; Slack names them with each answer."""
    if not isinstance(scopes, str):
        return Examined(sentence=accepted)
    given = {scope.strip() for scope in scopes.split(",")}
    if "chat:write" not in given:
        return Examined(sentence=f"{accepted}, but it lacks the scope chat:write; add it to the app", is_wrong=True)
    history = HISTORY[channel[0]]
    if channel[0] == "C" and "groups:history" in given:  # private channels begin with C too
        return Examined(sentence=accepted)
    if history not in given:
        sentence = f"{accepted}; without the scope {history} a message may be posted twice after an interrupted send"
        return Examined(sentence=sentence, is_less=True)
    return Examined(sentence=accepted)
