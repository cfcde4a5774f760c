"""The flow from a kept webhook to a sent message, and what runs beside it.

The steps stand here, in the order of a webhook's life: ``receive``, ``process``, ``decide``, ``enrich``, ``send``;
``steps`` is the literal of them all, ``worker`` runs them, ``context`` is what they are given.

    judgment     runs, incidents, tests, and the facts of what is red
    news         what each channel knows, and what is news to it
    waits        what keeps news back: a rerun that may come, a group, a quiet time
    planning     which channel is told of which news
    sending      one attempt: begin, compose, record, retry
    lanes        the order of sends to a channel
    fetching     facts that CircleCI is asked for
    reconciling  webhooks that never came, and approvals that wait
    digests      what a team hears at set times
    alarms       troubles of Roundsman's own
    upkeep       seals, copies of them, and retention
"""
