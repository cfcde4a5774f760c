"""Rows that reports, pages and back-tests are made of."""
