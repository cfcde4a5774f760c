"""News: what each channel knows, and what is news to it."""
