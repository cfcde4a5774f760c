"""What an operator does, as plain functions: look things up, do things again, check, and manage hooks."""
