"""The upkeep of records: sealed, copied, and deleted when they are old."""
