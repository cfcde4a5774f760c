"""The waits of news: for a rerun, for a group, for the end of a quiet time."""
