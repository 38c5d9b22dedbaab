# SPDX-License-Identifier: Apache-2.0
"""An event loop of one's own, on which sync code waits for an awaitable, wherever it stands.

The loop stays the same from call to call, since clients such as HTTP sessions are bound to theirs. It is never set
as the thread's current loop while it does not run.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, final

__all__ = ["PrivateLoop"]

GRACE_SECONDS: Final = 5.0
"""How long an interrupted caller waits for what it cancelled to end."""


@final
class PrivateLoop:
    """Runs one awaitable at a time: in this thread, or in a worker thread where a loop runs here already.

    Example:
        >>> import asyncio
        >>> loop = PrivateLoop()
        >>> loop.run(asyncio.sleep(0, "done"))
        'done'
        >>> loop.close()
    """

    def __init__(self) -> None:
        self._free = threading.Lock()
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Wait for the awaitable and give its result, or raise what it raised.

        Raises:
            RuntimeError: another awaitable runs on this loop; one cycle is within another one, or in another thread.
        """
        if not self._free.acquire(blocking=False):
            if isinstance(awaitable, Coroutine):
                awaitable.close()
            raise RuntimeError("one awaitable runs on this loop already; await arun_cycle, or take a substrate each")
        try:
            return self._run_in_thread(awaitable) if _loop_runs_here() else self._runner.run(_await(awaitable))
        finally:
            self._free.release()

    def close(self) -> None:
        """Cancel what is left on the loop and close it; a second time does nothing."""
        if _loop_runs_here():
            self._in_thread(self._runner.close)
        else:
            self._runner.close()

    def _run_in_thread(self, awaitable: Awaitable[Any]) -> Any:
        loop = self._runner.get_loop()

        def cancel() -> None:
            if loop.is_running():
                loop.call_soon_threadsafe(_cancel_all, loop)

        return self._in_thread(lambda: self._runner.run(_await(awaitable)), cancel)

    def _in_thread(self, work: Callable[[], Any], cancel: Callable[[], None] = lambda: None) -> Any:
        results: list[Any] = []
        problems: list[BaseException] = []
        ended = threading.Event()

        def guarded() -> None:
            try:
                results.append(work())
            except BaseException as problem:  # noqa: BLE001 - handed to the waiting thread, which raises it
                problems.append(problem)
            finally:
                ended.set()

        worker = threading.Thread(target=contextvars.copy_context().run, args=(guarded,), daemon=True)
        worker.start()
        try:
            worker.join()
        except BaseException:  # this thread was interrupted while it waited: leave no orphan behind
            cancel()
            ended.wait(GRACE_SECONDS)
            raise
        if problems:
            raise problems.pop()
        return results.pop()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
