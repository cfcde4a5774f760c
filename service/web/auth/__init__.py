"""Access to the API and the pages: tokens, sessions, and the origin of requests."""
