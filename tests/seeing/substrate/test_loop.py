# SPDX-License-Identifier: Apache-2.0
import asyncio
import threading

import pytest

from ophamin.seeing.substrate.loop import PrivateLoop


@pytest.fixture
def loop():
    loop = PrivateLoop()
    yield loop
    loop.close()


async def value():
    return 7


def test_an_interrupt_of_the_waiting_thread_cancels_what_it_waits_for(loop, monkeypatch):
    running, ended = threading.Event(), threading.Event()

    async def forever():
        try:
            running.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    class Interrupted(threading.Thread):
        def join(self, timeout=None):
            running.wait(10)
            raise KeyboardInterrupt

    async def body():
        monkeypatch.setattr("ophamin.seeing.substrate.loop.threading.Thread", Interrupted)
        try:
            with pytest.raises(KeyboardInterrupt):
                loop.run(forever())
        finally:
            monkeypatch.undo()

    asyncio.run(body())
    assert ended.wait(10)


def test_an_awaitable_that_is_no_coroutine_is_waited_for_too(loop):
    class Later:
        def __await__(self):
            return value().__await__()

    assert loop.run(Later()) == 7


def test_a_second_awaitable_on_a_busy_loop_is_refused_and_closed(loop):
    async def outer():
        second = value()
        with pytest.raises(RuntimeError, match="one awaitable runs on this loop already"):
            loop.run(second)
        return second.cr_frame

    assert loop.run(outer()) is None  # a closed coroutine has no frame


def test_a_loop_is_free_again_after_an_error(loop):
    async def fail():
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        loop.run(fail())
    assert loop.run(value()) == 7


def test_a_loop_may_be_closed_where_another_one_runs():
    async def body():
        loop = PrivateLoop()
        loop.run(value())
        loop.close()

    asyncio.run(body())
