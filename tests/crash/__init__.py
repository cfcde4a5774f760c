"""Kill real processes at random moments under load, and count what was lost and what was said twice.

``make crash ROUNDS=50 SEED=7`` runs it; tests/test_crash.py runs the short version, and the aimed kills.

fleet     the processes, on SQLite or on Postgres, and what is on record
channel   the other end: what it was told, and when
load      what CircleCI posts meanwhile, and what was acknowledged
rounds    one round: load, kills, recovery, and the count
"""
