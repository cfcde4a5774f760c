"""The specification: read the names of the tests together."""
