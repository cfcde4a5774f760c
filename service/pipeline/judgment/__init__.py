"""The judgment of runs: transitions, incidents, tests, facts of what is red."""
