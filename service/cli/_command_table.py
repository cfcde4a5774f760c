"""The table of commands: each one's module, name and sentence in the help.

The help and a shell's completion read this table alone, because importing every command takes seconds.
"""

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("serve:serve", "Receive webhooks, judge them, tell people."),
    "web": ("serve:web", "Receive webhooks and show pages; needs Postgres."),
    "worker": ("serve:worker", "Judge deliveries and tell people; needs Postgres."),
    "migrate": ("serve:migrate", "Bring the database's schema up to date."),
    "check": ("check:check", "Say whether `serve` would start, without starting it."),
    "doctor": ("doctor:doctor", "Try every connection and right, and say what is wrong."),
    "token": ("token:token", "Say whose CircleCI tokens are used, and their rights."),
    "backup": ("backup:backup", "Copy the SQLite database, also beside a running service."),
    "audit": ("audit:audit", "Verify the record by its seals, or export it with them."),
    "forget": ("forget:forget", "Blank the fields that name a person, and seal that."),
    "demo": ("demo:demo", "Show an invented organization's day in a minute."),
    "inbox": ("demo:inbox", "Print what arrives at json://127.0.0.1:9000/NAME."),
    "version": ("version:version", "Say which release this is."),
    "events": ("events:events", "Look up what was built."),
    "explain": ("events:explain", "Explain why people were told of an event, or were not."),
    "notifications": ("notifications:notifications", "Look up what people were told."),
    "dead-letters": ("dead_letters:dead_letters", "List dead letters, newest first."),
    "refusals": ("refusals:refusals", "List the last posts that were refused."),
    "backfill": ("backfill:backfill", "Add what CircleCI never posted to a project's history."),
    "holds": ("holds:holds", "List the workflows that wait for an approval."),
    "replay": ("replay:replay", "Judge deliveries again, by the current routes."),
    "resend": ("replay:resend", "Send notifications again, even ones that were sent."),
    "dismiss": ("replay:dismiss", "Close dead letters that you dealt with yourself."),
    "login-link": ("sessions:login_link", "Print a link that logs one browser in at the pages."),
    "link": ("link:link", "Print the address of a feed or badge with its key."),
    "sessions": ("sessions:sessions", "See the sessions of the pages, and end them."),
    "hooks": ("hooks:hooks", "Look at our hooks at CircleCI, and set them up."),
    "otlp": ("otlp:otlp", "Register our receiver of spans, and list what it shows."),
    "settings": ("settings:settings", "See what guards builds at CircleCI, and how it changed."),
    "oidc-claims": ("oidc_claims:oidc_claims", "See and set the claims of CircleCI's OIDC tokens."),
    "schedules": ("schedules:schedules", "Look at schedules at CircleCI, and set ours up."),
    "rerun": ("rerun:rerun", "Run a workflow again at CircleCI."),
    "cancel": ("rerun:cancel", "Cancel a workflow at CircleCI, or one job of it."),
    "approve": ("rerun:approve", "Approve a job that waits for it at CircleCI."),
    "trigger": ("trigger:trigger", "Start a pipeline at CircleCI."),
    "routes": ("routes:routes", "Try routes out; nothing is sent."),
    "receivers": ("receivers:receivers", "Try receivers out."),
    "silences": ("silences:silences", "Keep messages back for a time."),
    "known-problems": ("known_problems:known_problems", "Name failures whose cause is known, or mute them."),
    "status": ("status:status", "Say whether a branch is red, since when, and who has it."),
    "incidents": ("incidents:incidents", "See what is red, and say who has it."),
    "tests": ("tests:tests", "Tests that failed: new, failing, flaky and slow ones."),
    "insights": ("insights:insights", "Show CircleCI's own figures (Insights) beside ours."),
    "usage": ("usage:usage", "Say how many credits builds spent, and on what."),
    "mcp": ("mcp:mcp", "Answer an assistant on standard input (MCP)."),
}
"""The module and name of each command, and the first sentence of its docstring.

A command is imported when it is called, together with the libraries that it needs.
"""
