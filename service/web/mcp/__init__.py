"""Tools for assistants by the Model Context Protocol: an optional extra."""
