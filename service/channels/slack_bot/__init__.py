"""Slack by a bot's token: one living message for each incident, with a thread.

``url`` reads a channel's ``slack-bot://`` URL; ``api`` calls Slack's Web API within the limits of a send; ``refusals``
says what an error of Slack's means for people; ``search`` looks for messages of ours; ``rendering`` has the message in
Slack's form; ``sender`` posts, edits and replies; ``examine`` checks a token. The only user of slack_sdk, which is
imported where such a channel is used.
"""
