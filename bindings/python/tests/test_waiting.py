"""Threads, cancellation, processes, memory."""

import asyncio
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelpool import CancelledCallError, ModelCapabilities, ModelPool, PoolStateError, _native


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


async def until_async(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


def cancelled(pool):
    return pool.get_performance_stats("one")["ever"]["cancelled"]


async def test_cancelling_a_task_cancels_the_call(pool, simulator, own):
    simulator.fail(own, kind="stall_before_head")
    task = asyncio.ensure_future(pool.chat("hello"))
    await until_async(lambda: simulator.requests(own))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_async(lambda: cancelled(pool) == 1)
    await until_async(lambda: simulator.requests(own)[-1].get("outcome") != "in_flight")


async def test_a_timeout_of_asyncio_cancels_the_call(pool, simulator, own):
    simulator.fail(own, kind="stall_before_head")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(pool.chat("hello"), 0.1)
    await until_async(lambda: cancelled(pool) == 1)


async def test_cancelling_the_reader_of_a_stream_ends_it(pool, simulator, own):
    simulator.fail(own, kind="stall_after_chunks", chunks=3)
    stream = pool.chat_stream("hello")

    async def reading():
        async for _ in stream:
            pass

    task = asyncio.ensure_future(reading())
    await until_async(lambda: stream.text)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_async(lambda: cancelled(pool) == 1)
    with pytest.raises(CancelledCallError):
        await stream.__anext__()


async def test_letting_go_of_a_stream_ends_it(pool, simulator, own):
    simulator.fail(own, kind="stall_after_chunks", chunks=4)
    async for chunk in pool.chat_stream("hello"):
        if chunk.text:
            break
    del chunk
    gc.collect()
    await until_async(lambda: cancelled(pool) == 1)


def test_leaving_a_stream_that_blocks(pool, simulator, own):
    simulator.fail(own, kind="stall_after_chunks", chunks=4)
    with pool.chat_stream_sync("hello") as stream:
        for chunk in stream:
            if chunk.text:
                break
    until(lambda: cancelled(pool) == 1)


def test_other_threads_run_while_one_waits(pool, simulator, own):
    simulator.fail(own, delay_ms=400)
    ticks = 0
    thread = threading.Thread(target=pool.chat_sync, args=("hello",))
    began = time.monotonic()
    thread.start()
    while thread.is_alive():
        ticks += 1
        time.sleep(0.005)
    assert time.monotonic() - began >= 0.4
    assert ticks > 20, "the interpreter lock was held while the call waited"


def test_many_threads(pool):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda at: pool.chat_sync(f"number {at}").text, range(80)))
    assert all(f"number {at}" in text for at, text in enumerate(answers))


def test_the_pool_changes_while_threads_call(pool, upstream, own):
    stop = threading.Event()

    def changing():
        at = 0
        while not stop.is_set():
            pool.add(f"more-{at}", "openai_compatible", own, ModelCapabilities(cost_per_1k_tokens=1), base_url=upstream)
            pool.remove(f"more-{at}")
            at += 1

    changer = threading.Thread(target=changing)
    changer.start()
    try:
        with ThreadPoolExecutor(4) as threads:
            assert all(threads.map(lambda _: pool.chat_sync("hello").alias == "one", range(40)))
            assert all(threads.map(lambda _: pool.select().alias == "one", range(2000)))
    finally:
        stop.set()
        changer.join()


def test_event_loops_one_after_the_other(pool):
    for _ in range(3):
        assert "hello" in asyncio.run(pool.chat("hello")).text


def test_event_loops_at_the_same_time(pool):
    with ThreadPoolExecutor(4) as threads:
        texts = list(threads.map(lambda at: asyncio.run(pool.chat(f"number {at}")).text, range(12)))
    assert all(f"number {at}" in text for at, text in enumerate(texts))


def test_outside_a_loop_a_coroutine_says_so(pool):
    coroutine = pool.chat("hello")
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_call_that_blocks_can_be_interrupted(simulator, own, upstream):
    simulator.fail(own, kind="stall_before_head", times=None)
    program = f"""
        from modelpool import ModelPool
        pool = ModelPool().add("one", "openai_compatible", {own!r}, base_url={upstream!r})
        print("ready", flush=True)
        try:
            pool.chat_sync("hello")
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        until(lambda: simulator.requests(own))
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10)[0] == "interrupted\n"
    finally:
        process.kill()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_after_calls_is_told_so(pool):
    pool.chat_sync("hello")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        told = "nothing"
        try:
            assert pool.select().alias == "one", "what waits for nobody goes on"
            pool.chat_sync("hello")
        except PoolStateError as error:
            told = str(error)
        finally:
            os.write(writer, told.encode())
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as said:
        assert "forked" in said.read()
    assert pool.chat_sync("hello").text


def _in_a_process(upstream, own):
    pool = ModelPool().add("one", "openai_compatible", own, base_url=upstream)
    return pool.chat_sync("hello").alias


def test_processes_that_are_spawned(pool, upstream, own):
    pool.chat_sync("hello")
    with multiprocessing.get_context("spawn").Pool(1) as processes:
        assert processes.apply(_in_a_process, (upstream, own)) == "one"


def test_the_end_of_the_interpreter_is_quiet(upstream, own):
    program = f"""
        import asyncio, threading
        from modelpool import ModelPool
        pool = ModelPool().add("one", "openai_compatible", {own!r}, base_url={upstream!r})
        async def main():
            asyncio.ensure_future(pool.chat("never awaited"))
            async for _ in pool.chat_stream("hello"):
                pass
        asyncio.run(main())
        threading.Thread(target=pool.chat_sync, args=("left behind",), daemon=True).start()
    """
    for _ in range(20):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30
        )
        assert (done.returncode, done.stderr) == (0, "")


def resident_kb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc here")
@pytest.mark.parametrize("waits", [False, True])
async def test_ten_thousand_calls_leave_nothing_behind(waits):
    pool = ModelPool._of(_native.NativePool.with_test_transport(waits))
    pool.add("one", "openai_compatible", "m", ModelCapabilities(), base_url="http://test.invalid")

    async def calls(number):
        for _ in range(number):
            await pool.chat("x" * 1_000)
        gc.collect()
        return resident_kb()

    # The pool remembers its last 10,000 requests, so it grows until it has seen them.
    before = await calls(10_500)
    after = await calls(10_000)
    assert after - before < 3_000, f"{after - before} kB more after 10,000 calls"
