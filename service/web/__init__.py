"""The HTTP surfaces: the webhook, the API, the pages, and the server under them."""
