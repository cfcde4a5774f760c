"""Trouble real processes at random moments under load, and count what was lost and what was said twice.

``make crash ROUNDS=50 SEED=7`` runs it; tests/test_crash.py runs a short version, and the aimed kills. Each round
prints its seed and its troubles, which play it again.

databases      SQLite or Postgres, and what is on record there
fleet          the processes
channel        the end that is told: what it took, and when
circleci       the end that is asked, and its moods
load           what CircleCI posts meanwhile, and what was acknowledged
operator       who replays, resends and dismisses meanwhile, and what was answered
proxy          what stands between the processes and Postgres, and cuts
disk           what is full for a while
skew           clocks that are minutes off
configuration  the roundsman.yaml of each process
scene          all of these together
troubles       the table of what may happen to them
history        what the database has on record
count          that, against what each end has on record
rounds         one round: load, troubles, recovery, and the count
"""
