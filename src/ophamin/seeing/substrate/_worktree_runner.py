# SPDX-License-Identifier: Apache-2.0
"""The other end of `GitRef`: a process that imports one callable and answers for it, one line of JSON per request.

It is run by path, possibly by another interpreter, so it uses the standard library alone and imports nothing of the
package it lies in. What the callable prints goes to the standard error; the channel is out of its reach.

The first line it sends is ``{"ready": true}`` or ``{"failed": "ImportError: ..."}``. A request is
``{"stimulus": ..., "params": ...}``; its answer is ``{"value": ...}``, ``{"cycle": {...}}`` where the callable gave a
cycle of ophamin, or ``{"error": "ValueError: ..."}``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import inspect
import io
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

MAX_ANSWER_BYTES: Final = 64 * 2**20
MAX_ERROR_CHARACTERS: Final = 8000


class Source:
    """The trees that code may come from: the one of the commit, and the user's own, which must not be mixed in.

    Args:
        project: the folder in the commit's work tree that the target is named from.
        tree: top of the commit's work tree.
        own: top of the repository's own work tree; empty for none.
    """

    def __init__(self, project: str, tree: str, own: str) -> None:
        self.project = Path(project).resolve()
        self.tree = Path(tree).resolve()
        self.own = Path(own).resolve() if own else None
        self._environments = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}

    def path(self, entries: Iterable[str]) -> list[str]:
        """``sys.path`` with the commit first; what points into the user's own tree points into the commit instead."""
        source = self.project / "src"
        first = [self.project, *([source] if source.is_dir() else [])]
        here = Path(__file__).resolve().parent
        rest = [entry for entry in entries if entry and Path(entry).resolve() != here]
        return [*map(str, first), *map(self._moved, rest)]

    def check(self, module: Any) -> None:
        """Refuse a module that is not the commit's, and any other one that came from the user's own tree."""
        file = getattr(module, "__file__", None)
        if file is None or not Path(file).resolve().is_relative_to(self.tree):
            raise ImportError(f"{module.__name__} was imported from {file}, which is not of the commit")
        for name, other in list(sys.modules.items()):
            file = getattr(other, "__file__", None)
            if name != "__main__" and isinstance(file, str) and self._is_own(Path(file).resolve()):
                raise ImportError(
                    f"{name} was imported from {file}, the work tree in use, and not from the commit; an import hook "
                    "of an editable installation does that: install it in the way that writes a .pth file"
                )

    def _moved(self, entry: str) -> str:
        place = Path(entry).resolve()
        if self.own is None or not self._is_own(place):
            return entry
        return str(self.tree / place.relative_to(self.own))

    def _is_own(self, place: Path) -> bool:
        """Whether it lies in the user's own tree and is the project's; an environment inside the tree is not."""
        if self.own is None or not place.is_relative_to(self.own) or place.is_relative_to(self.tree):
            return False
        if {"site-packages", "dist-packages"}.intersection(place.parts):
            return False
        inside = (environment for environment in self._environments if environment.is_relative_to(self.own))
        return not any(place.is_relative_to(environment) for environment in inside)


class Channel:
    """Requests in, answers out, on descriptors that nothing else of this process knows."""

    def __init__(self) -> None:
        self._requests = os.fdopen(os.dup(0), "rb")
        self._answers = os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._process = os.getpid()
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def receive(self) -> Any:
        """The next request."""
        return json.loads(self._lines.get())

    def send(self, message: bytes) -> None:
        """One answer. A process that the callable forked off, and that came back here, ends instead."""
        if os.getpid() != self._process:
            os._exit(0)
        self._answers.write(message + b"\n")
        self._answers.flush()

    def _listen(self) -> NoReturn:
        """Take requests in even while the callable runs, so that the end of the other side is seen at any time."""
        for line in self._requests:
            self._lines.put(line)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)  # with all that the callable started
        os._exit(0)


def load(target: str, source: Source) -> Callable[..., Any]:
    """The callable that ``package.module:name`` means in the commit."""
    sys.path[:] = source.path(sys.path)
    module_name, _, names = target.partition(":")
    module = importlib.import_module(module_name)
    source.check(module)
    function: Any = module
    for name in names.split("."):
        function = getattr(function, name)
    if isinstance(function, type) or not callable(function):
        kind = "a class" if isinstance(function, type) else f"a {type(function).__name__}"
        raise TypeError(f"{target} is {kind}; name a function of one stimulus")
    return function  # type: ignore[no-any-return]  # checked to be callable


def answer(function: Callable[..., Any], request: Mapping[str, Any], runner: asyncio.Runner) -> bytes:
    """What the callable says to one request, as a message."""
    try:
        params = request["params"]
        value = function(request["stimulus"], **params) if params else function(request["stimulus"])
        if inspect.isawaitable(value):
            value = runner.run(_await(value))
        message = _message("cycle" if _is_cycle(value) else "value", plain(value))
        if len(message) > MAX_ANSWER_BYTES:
            raise ValueError(f"the answer has {len(message)} bytes as JSON; the limit is {MAX_ANSWER_BYTES}; give less")
        return message
    except BaseException as problem:  # noqa: BLE001 - whatever the callable raises is what the cycle says
        return _message("error", told(problem))


def plain(value: Any) -> Any:
    """A value as JSON has it: named parts as objects, sequences and arrays as lists, numbers of numpy as Python's own.

    Raises:
        TypeError: the value, or a part of it, is of another kind.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {_key(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if not isinstance(value, type):
        if dataclasses.is_dataclass(value):
            return {part.name: plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
        for method in ("model_dump", "tolist"):
            if callable(dump := getattr(value, method, None)):
                return plain(dump())
    raise TypeError(f"a {type(value).__name__} has no JSON form; give numbers, texts, lists and mappings")


def told(problem: BaseException) -> str:
    """An exception as the text of an error, whatever its own words do."""
    kind = type(problem).__name__
    try:
        return f"{kind}: {problem}"[:MAX_ERROR_CHARACTERS]
    except Exception:  # noqa: BLE001 - the exception is the system's, and so is its text
        return f"{kind}: (its text cannot be had)"


def main(target: str, tree: str, own: str) -> NoReturn:
    """Import the target, say how that went, and answer until the other side is gone."""
    channel = Channel()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        function = load(target, Source(str(Path.cwd()), tree, own))
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - a foreign module may fail in any way
        channel.send(_message("failed", told(problem)))
        os._exit(1)
    channel.send(_message("ready", True))
    runner = asyncio.Runner()
    while True:
        channel.send(answer(function, channel.receive(), runner))


def _message(kind: str, content: Any) -> bytes:
    return json.dumps({kind: content}).encode("ascii")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is a {type(key).__name__}; keys are text")
    return key


def _is_cycle(value: Any) -> bool:
    shapes = sys.modules.get("ophamin.core.shapes")
    return shapes is not None and isinstance(value, shapes.CycleResult)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


if __name__ == "__main__":
    main(*sys.argv[1:])
