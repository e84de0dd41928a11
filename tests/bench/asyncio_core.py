#!/usr/bin/env python3
"""What asyncio's tasks cost, beside proa's in the same run.

    asyncio_core.py BENCH_CORE_JSON      the lines that bench_core printed a moment ago

Each time is the median of several runs in nanoseconds of processor time an operation, as bench_core has it, and each
case does what the case of that name does there. The ratio says how many times as long asyncio takes. Where something
is asked of proa, a time or a ratio, it stands beside, with the verdict.
"""
import asyncio
import json
import random
import statistics
import sys
import threading
import time

RUNS = 7
BATCH = 512
MANY = 1000000
SLEEPERS = 100000


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


async def timer_among_million(n):
    loop = asyncio.get_running_loop()
    draw = random.Random(1).random
    handles = [loop.call_later(60 + draw() * 3600, print) for _ in range(MANY)]
    began = time.thread_time_ns()
    for _ in range(n):
        i = int(draw() * MANY)
        handles[i].cancel()
        handles[i] = loop.call_later(60 + draw() * 3600, print)
    took = time.thread_time_ns() - began
    for handle in handles:
        handle.cancel()
    return took


async def sleeping_task(n):
    before = pss()
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(n)]
    await asyncio.sleep(0.1)
    used = pss() - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return used


def pss():
    with open("/proc/self/smaps_rollup", encoding="utf-8") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


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


# Nanoseconds, and times as fast as asyncio.
ASKED = {
    "spawn_join": (60, 50), "switch_2_tasks": (25, 50), "queue_hop": (60, 50), "timeout_open_close": (60, 50),
    "lock_unlock": (8, 30), "timer_arm_cancel": (60, 50), "timer_among_million": (250, 50),
    "timer_among_million_huge": (250, 50), "gather_never_suspends": (100, 50), "gather_yields_once": (150, 50),
    "post": (200, 30),
}
MEMORY_ASKED = 4400  # bytes a task, with page tables


def measure(case, n):
    clock = time.process_time_ns if case is post else time.thread_time_ns
    times = []
    for i in range(RUNS + 1):
        began = clock()
        own = asyncio.run(case(n))  # what it measured itself
        took = clock() - began
        if i:  # the first one warms up
            times.append((own or took) / n)
    return statistics.median(times)


def verdict(passed):
    return "PASS" if passed else "MISS"


def tell(name, median, ours):
    fact = {"bench": "asyncio", "name": name, "unit": "cpu ns", "median": round(median, 1)}
    if ours.get(name):
        fact["proa"] = ours[name]
        fact["times_proa"] = round(median / ours[name], 1)
    if ours.get(name) and name in ASKED:
        fact["asked_ns"], fact["asked_times"] = ASKED[name]
        fact["ns"] = verdict(ours[name] <= ASKED[name][0])
        fact["times"] = verdict(median / ours[name] >= ASKED[name][1])
    print(json.dumps(fact), flush=True)


def tell_memory(used, ours):
    fact = {"bench": "asyncio", "name": "sleeping_task", "unit": "bytes", "bytes": round(used)}
    if ours:
        proa = ours["bytes"] + ours["page_table_bytes"]
        fact.update(proa=proa, asked=MEMORY_ASKED, verdict=verdict(proa <= MEMORY_ASKED))
    print(json.dumps(fact), flush=True)


def main():
    lines = []
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    ours = {fact["name"]: fact.get("median") for fact in lines}
    tell_memory(asyncio.run(sleeping_task(SLEEPERS)) / SLEEPERS,
                next((fact for fact in lines if fact["name"] == "sleeping_task"), None))
    for case, n in CASES:
        tell(case.__name__, measure(case, n), ours)
    among = measure(timer_among_million, 1 << 15)
    tell("timer_among_million", among, ours)
    tell("timer_among_million_huge", among, ours)


main()
