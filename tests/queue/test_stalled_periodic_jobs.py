"""The jobs of a dead worker, among them periodic work whose next run waits already."""

from service.db.database import Store
from service.db.tables import Transaction
from service.queue.procrastinate_sql import ProcrastinateRows


async def test_jobs_of_a_dead_worker_are_requeued_beside_the_next_run_of_its_periodic_work(
    url_in_real_time: str,
) -> None:
    store = Store(url_in_real_time)
    insert = (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, queueing_lock) "
        "VALUES ('q', 'once', '{}', '%s', %s) RETURNING id"
    )

    def add(transaction: Transaction, status: str, lock: str) -> int:
        return int(transaction.exec_driver_sql(insert % (status, lock)).scalar_one())

    dead = [await store.write(add, "doing", lock) for lock in ("'every second'", "NULL")]
    await store.write(add, "todo", "'every second'")
    rows = ProcrastinateRows(store)

    taken, _ = await rows.requeue_stalled(dead, dead_after_s=1, own_workers=[], begun=[])

    await store.close()
    assert sorted(taken) == sorted(dead)
