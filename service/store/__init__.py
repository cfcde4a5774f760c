"""The SQL of our records, one noun to a file.

Functions work within a transaction that the caller opens, so that what belongs together is written together.
"""
