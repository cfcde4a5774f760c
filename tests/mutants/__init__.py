"""Mutants: small changes to the core that the tests should notice."""
