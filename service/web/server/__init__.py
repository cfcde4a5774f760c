"""The HTTP server: Uvicorn with limits on all that a connection may cost."""
