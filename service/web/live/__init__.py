"""Live pages: the stream that tells open pages of changes."""
