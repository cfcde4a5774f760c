"""The figures that Roundsman is held to, measured: ``make bench`` prints one table.

No test, and nothing here is timed by one: a figure is worth something beside another one of the same run only.
"""
