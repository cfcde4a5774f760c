"""Errors of Slack's Web API: their meaning, and the next step of a person.

Source: the error lists of docs.slack.dev/reference/methods (chat.postMessage, chat.update, conversations.history,
conversations.replies, auth.test), read 2026-11-29.
"""

RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
# Slack may have done some of the work before these
UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "update_failed"})
TRANSIENT = UNSURE | frozenset({"team_added_to_org", "accesslimited", "external_channel_migrating"})
TOO_LONG = frozenset(
    {
        "msg_too_long",
        "msg_blocks_too_long",
        "too_many_attachments",
        "attachment_payload_limit_exceeded",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
    }
)
GONE = frozenset({"message_not_found", "thread_not_found", "cant_update_message"})
NOT_EDITABLE = frozenset({"edit_window_closed"})
# without the right to read a channel these are the answers to a search in it
NO_RIGHT_TO_READ = frozenset(
    {
        "missing_scope",
        "not_in_channel",
        "channel_not_found",
        "no_permission",
        "not_allowed_token_type",
        "method_not_supported_for_channel_type",
        "access_denied",
        "enterprise_is_restricted",
        "team_access_not_granted",
    }
)

_TOKEN = "its token is not accepted; put the app's bot token (xoxb-...) into the channel's URL"  # noqa: S105 - words
_RULE = "a rule of the workspace forbids it; ask one of its administrators"

NEXT_STEPS = {
    **dict.fromkeys(("invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive"), _TOKEN),
    "not_allowed_token_type": "this kind of token may not post; put the app's bot token (xoxb-...) into its URL",
    "missing_scope": "the app lacks a scope; add it to the app and install the app anew",
    "not_in_channel": "the app is not in the channel; type /invite and the app's name there",
    "channel_not_found": (
        "this token sees no such channel: it was deleted, or it is private and the app is not in it; "
        "correct the id, or invite the app"
    ),
    "is_archived": "the channel is archived; unarchive it, or name another",
    "msg_too_long": "it is too long even in its short form; report this",
    "ekm_access_denied": _RULE,
    "enterprise_is_restricted": _RULE,
    "team_access_not_granted": _RULE,
    "restricted_action": _RULE,
    "restricted_action_read_only_channel": _RULE,
    "restricted_action_thread_only_channel": _RULE,
    "restricted_action_thread_locked": "the thread is locked; unlock it, or delete the message to get a new one",
    "as_user_not_supported": "this kind of token may not post; put the app's bot token (xoxb-...) into its URL",
}
# another worker with newer secrets may do better
OF_ACCESS = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "token_expired",
        "token_revoked",
        "account_inactive",
        "not_allowed_token_type",
        "missing_scope",
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "no_permission",
    }
)


def next_step(code: str, method: str) -> str:
    """Return the next step for an error code of a method."""
    return NEXT_STEPS.get(code) or f"docs.slack.dev/reference/methods/{method} says what that means"
