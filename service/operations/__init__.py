"""The operator's tasks as plain functions: search, replay, resend, check, hooks."""
