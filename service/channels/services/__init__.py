"""The entries of the registry: a module for each kind of service."""
