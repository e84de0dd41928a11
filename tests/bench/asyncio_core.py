#!/usr/bin/env python3
"""What asyncio's tasks cost, beside proa's in the same run.

    asyncio_core.py BENCH_CORE_JSON      the lines that bench_core printed a moment ago

Each time is the median of several runs in nanoseconds of processor time an operation, as bench_core has it, and each
case does what the case of that name does there. The ratio says how many times as long asyncio takes.
"""
import asyncio
import json
import statistics
import sys
import threading
import time

RUNS = 7
BATCH = 512


async def nothing():
    pass


async def spawn_join(n):
    for _ in range(n // BATCH):
        await asyncio.gather(*[asyncio.create_task(nothing()) for _ in range(BATCH)])


async def spawn_join_ref(n):
    for _ in range(n):
        await asyncio.create_task(nothing())


async def yielder(n):
    for _ in range(n):
        await asyncio.sleep(0)


async def switch_2_tasks(n):
    await asyncio.gather(yielder(n // 2), yielder(n // 2))


async def switch_1000_tasks(n):
    await asyncio.gather(*[yielder(n // 1000) for _ in range(1000)])


async def queue_hop(n):
    queue = asyncio.Queue(1)

    async def feed():
        for _ in range(n):
            await queue.put(None)

    async def drain():
        for _ in range(n):
            await queue.get()

    await asyncio.gather(feed(), drain())


async def timeout_open_close(n):
    for _ in range(n):
        async with asyncio.timeout(30):
            pass


async def lock_unlock(n):
    lock = asyncio.Lock()
    for _ in range(n):
        await lock.acquire()
        lock.release()


async def lock_contended(n):
    lock = asyncio.Lock()

    async def take_turns():
        for _ in range(n // 2):
            await lock.acquire()
            await asyncio.sleep(0)
            lock.release()

    await asyncio.gather(take_turns(), take_turns())


async def semaphore_take_give(n):
    semaphore = asyncio.Semaphore(1)
    for _ in range(n):
        await semaphore.acquire()
        semaphore.release()


async def timer_arm_cancel(n):
    loop = asyncio.get_running_loop()
    for _ in range(n):
        loop.call_later(30, print).cancel()
    await asyncio.sleep(0)


async def gather_never_suspends(n):
    await asyncio.gather(*[nothing() for _ in range(n)])


async def gather_yields_once(n):
    await asyncio.gather(*[asyncio.sleep(0) for _ in range(n)])


async def post(n):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = n

    def called():
        nonlocal left
        left -= 1
        if not left:
            done.set_result(None)

    def poster():
        for _ in range(n):
            loop.call_soon_threadsafe(called)

    thread = threading.Thread(target=poster)
    thread.start()
    await done
    thread.join()


CASES = [
    (spawn_join, 1 << 15), (spawn_join_ref, 1 << 14), (switch_2_tasks, 1 << 15), (switch_1000_tasks, 32000),
    (queue_hop, 1 << 15), (timeout_open_close, 1 << 14), (lock_unlock, 1 << 16), (lock_contended, 1 << 14),
    (semaphore_take_give, 1 << 16), (timer_arm_cancel, 1 << 14), (gather_never_suspends, 100000),
    (gather_yields_once, 100000), (post, 1 << 15),
]


def measure(case, n):
    clock = time.process_time_ns if case is post else time.thread_time_ns
    times = []
    for i in range(RUNS + 1):
        began = clock()
        asyncio.run(case(n))
        if i:  # the first one warms up
            times.append((clock() - began) / n)
    return statistics.median(times)


def main():
    ours = {}
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as lines:
            ours = {fact["name"]: fact.get("median") for fact in map(json.loads, lines)}
    for case, n in CASES:
        fact = {"bench": "asyncio", "name": case.__name__, "unit": "cpu ns", "median": round(measure(case, n), 1)}
        if ours.get(case.__name__):
            fact["times_proa"] = round(fact["median"] / ours[case.__name__], 1)
        print(json.dumps(fact), flush=True)


main()
