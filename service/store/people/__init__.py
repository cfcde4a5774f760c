"""The sessions and saved views of people."""
