# SPDX-License-Identifier: Apache-2.0
"""`GitRef`: a function as it was at another commit, as a system under test in a process of its own.

With it a change is compared with what it changes, on the same stimuli and at the same time: see
`ophamin.seeing.substrate.arms`. The process keeps two versions of one package apart; it is no sandbox.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self, final

from ophamin.core.shapes import (
    CorpusRecord,
    CycleResult,
    MetricBundle,
    Tier1Metrics,
    Tier2Metrics,
    Tier3Metrics,
)
from ophamin.core.text import visible
from ophamin.errors import ClaimError
from ophamin.seeing.substrate._worktree_runner import plain
from ophamin.seeing.substrate.base import SubstrateUnderTest
from ophamin.seeing.substrate.checkout import Checkout, WorktreeError
from ophamin.seeing.substrate.function import FunctionSubstrate, stimulus_name

__all__ = ["GitRef", "ProcessEndedError", "TargetError", "TimeLimitError"]

CALL_SECONDS: Final = 60.0
START_SECONDS: Final = 120.0
"""How long the import of the target may take."""
PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONHASHSEED", "TMPDIR", "TZ")
"""Environment variables that the process is given; all others stay here."""

_RUNNER: Final = Path(__file__).with_name("_worktree_runner.py")
_BLOCK: Final = 2**16


class TargetError(WorktreeError):
    """The target cannot be used at that commit: it does not import, is no function, or the interpreter is missing."""


class TimeLimitError(WorktreeError):
    """There was no answer within the time limit; the process was killed."""


class ProcessEndedError(WorktreeError):
    """The process ended instead of answering."""


@final
class GitRef(SubstrateUnderTest):
    """A function of one stimulus as it is at a commit, called in a process of its own that runs in that work tree.

    What it gives becomes a `CycleResult` as with `FunctionSubstrate`. Stimuli, params and answers travel as JSON:
    tuples and arrays arrive as lists, objects with named parts as mappings, a corpus record as its text; what has no
    such form is an error. ``wall_time_s`` includes that way, some tenths of a millisecond, so that latency is compared
    between two of these and not between one of these and a function of this process.

    A cycle that takes too long, or in which the process ends, has ``error`` set; the next cycle finds a new process,
    without the memory of the old one. What the function prints goes to the standard error. Dependencies are those of
    the interpreter, not those of that commit; extension modules are not built.

    Unless it is closed, process and work tree are removed with the last reference or when the interpreter ends.

    Args:
        ref: branch, tag, commit or revision such as ``HEAD~1``.
        target: ``package.module:callable``, found from ``root`` or its folder ``src`` at that commit; sync or async.
        root: the project's folder, anywhere in a git repository; by default the current one.
        python: the interpreter, 3.11 or later; by default this one.
        timeout: seconds that one cycle may take.
        env_allow: names of further environment variables that the process is given; see `PASSED_ON`.

    Raises:
        ClaimError: a ref, target, time limit or name of a variable that cannot be meant.
        WorktreeError: at construction where git, the repository or the commit is missing (`GitMissingError`,
            `NoRepositoryError`, `UnknownRefError`, `ShallowCloneError`); at the first `reset` or cycle where the commit
            cannot be checked out (`CheckoutError`) or the target cannot be used there (`TargetError`).

    Example:
        A change against what it changes, where ``quote`` is the function as it is now::

            arms = Arms({"base": GitRef("main", "shop.prices:quote"), "head": quote}, admit, rng=7)

        >>> GitRef("main", "shop.prices")
        Traceback (most recent call last):
        ...
        ophamin.errors.ClaimError: 'shop.prices' names no function; write package.module:callable
    """

    def __init__(
        self,
        ref: str,
        target: str,
        *,
        root: Path | str | None = None,
        python: Path | str | None = None,
        timeout: float = CALL_SECONDS,
        env_allow: Iterable[str] = (),
    ) -> None:
        self._target = _checked_target(target)
        self._environment = _environment(env_allow)
        if not (math.isfinite(timeout) and timeout > 0):
            raise ClaimError(f"the time limit is {timeout!r} s; give a number above 0")
        self._timeout = timeout
        self._python = str(python or sys.executable)
        self._checkout = Checkout(ref, None if root is None else Path(root))
        self.name = f"{visible(ref)}:{target}"
        self._process: _Process | None = None
        self._was_used = False
        self._lock = Lock()

    @classmethod
    def from_spec(cls, place: str, *, python: str = "", timeout: float = CALL_SECONDS) -> GitRef:
        """The system that ``REF:package.module:callable`` means, in the repository of the current folder.

        Raises:
            ClaimError: the text is not of that form; otherwise as the constructor.
        """
        parts = place.rsplit(":", 2)
        if len(parts) != 3:
            raise ClaimError(f"{place!r} names no function at a commit; write REF:package.module:callable")
        ref, module, names = parts
        return cls(ref, f"{module}:{names}", python=python or None, timeout=timeout)

    def git_commit(self) -> str:
        """The full id of the commit that the ref named when this object was made."""
        return self._checkout.commit

    def metadata(self) -> dict[str, Any]:
        """Name, commit, the ref as it was given, and the target."""
        said = {"name": self.name, "git_commit": self.git_commit(), "kind": "git"}
        return {**said, "ref": visible(self._checkout.ref), "target": self._target}

    def reset(self) -> None:
        """Begin anew: a new process, in a work tree as the commit has it; nothing happens where no cycle ran since.

        Raises:
            CheckoutError: the commit cannot be checked out.
            TargetError: the target cannot be used there.
        """
        with self._lock:
            if self._was_used:
                self._stop()
                self._checkout.restore()
                self._was_used = False
            self._running()

    def run_cycle(self, stimulus: Any, params: Mapping[str, Any] | None = None) -> CycleResult:
        """Call the function once; from several threads, one after the other.

        Raises:
            CheckoutError: the commit cannot be checked out.
            TargetError: the target cannot be used there.
        """
        with self._lock:
            process = self._running()
            self._was_used = True
            return FunctionSubstrate(process.ask, name=self.name).run_cycle(stimulus, params)

    def close(self) -> None:
        """End the process and remove the work tree; the next reset or cycle makes them anew."""
        with self._lock:
            self._stop()
            self._checkout.close()
            self._was_used = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> _Process:
        if self._process is None or self._process.has_ended:
            folder = self._checkout.open()
            arguments = (self._target, str(self._checkout.tree), str(self._checkout.top or ""))
            command = [self._python, str(_RUNNER), *arguments]
            process = _Process(command, self._environment, folder, self._timeout)
            try:
                process.greet()
            except WorktreeError as error:
                where = f"{self._target} at {self._checkout.ref} ({self.git_commit()[:12]})"
                raise TargetError(
                    f"{where} cannot be used: {error}; name package.module:callable as it is there"
                ) from None
            self._process = process
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process = None


@final
class _Process:
    """One process of the runner and what it started; it lives no longer than this object."""

    def __init__(self, command: list[str], environment: Mapping[str, str], folder: Path, timeout: float) -> None:
        self._timeout = timeout
        try:
            # A session of its own: what it starts is killed with it, and an interrupt of the terminal passes it by.
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=folder,
                env=environment,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise TargetError(
                f"{command[0]} does not start: {error.strerror or error}; give another python="
            ) from error
        self.kill: Callable[[], object] = weakref.finalize(self, _kill, self._popen, os.getpid())
        assert self._popen.stdin is not None
        os.set_blocking(self._popen.stdin.fileno(), False)

    @property
    def has_ended(self) -> bool:
        """Whether it was found dead, or killed."""
        return self._popen.returncode is not None

    def greet(self) -> None:
        """Wait until the target is imported.

        Raises:
            WorktreeError: it cannot be.
        """
        line = self._exchange(b"", START_SECONDS)
        try:
            said = json.loads(line)
        except ValueError:
            said = {"failed": "the interpreter does not answer as Python does"}
        if "failed" in said:
            self.kill()
            raise TargetError(said["failed"])

    def ask(self, stimulus: Any, /, **params: Any) -> Any:
        """What the function gives, or a cycle that says why there is nothing.

        Raises:
            TypeError: stimulus or params have no JSON form.
            TimeLimitError: there was no answer in time.
            ProcessEndedError: the process ended.
        """
        sent = stimulus.text if isinstance(stimulus, CorpusRecord) else stimulus
        request = json.dumps({"stimulus": plain(sent), "params": plain(params)}).encode("ascii")
        said = json.loads(self._exchange(request + b"\n", self._timeout))
        if "error" in said:
            return CycleResult(0, False, stimulus_id=stimulus_name(stimulus), error=said["error"])
        return _cycle(said["cycle"]) if "cycle" in said else said["value"]

    def _exchange(self, request: bytes, seconds: float) -> bytes:
        """Send a request and wait for one line; without it the process is of no more use and is killed."""
        try:
            return self._talk(request, time.monotonic() + seconds)
        except TimeoutError:
            self.kill()
            raise TimeLimitError(
                f"no answer within {seconds:g} s, and the process was killed; give a longer timeout"
            ) from None
        except (EOFError, BrokenPipeError):
            self.kill()
            raise ProcessEndedError(f"the process {_end_of(self._popen)} and gave no answer; see its output") from None
        except BaseException:  # interrupted: an answer that comes later would be taken for that of the next request
            self.kill()
            raise

    def _talk(self, request: bytes, deadline: float) -> bytes:
        requests, answers = self._popen.stdin, self._popen.stdout
        assert requests is not None
        assert answers is not None
        pending, parts = memoryview(request), [b""]
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            if pending:
                selector.register(requests, selectors.EVENT_WRITE)
            while not parts[-1].endswith(b"\n"):
                left = deadline - time.monotonic()
                ready = selector.select(left) if left > 0 else []
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    if key.fileobj is requests:
                        pending = pending[os.write(key.fd, pending) :]
                        if not pending:
                            selector.unregister(requests)
                    else:
                        parts.append(os.read(key.fd, _BLOCK))
                        if not parts[-1]:
                            raise EOFError
        return b"".join(parts)


def _kill(process: subprocess.Popen[bytes], owner: int) -> None:
    """End a process and all of its session."""
    if os.getpid() != owner:  # a fork of the process that made it
        return
    with suppress(ProcessLookupError, PermissionError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _end_of(process: subprocess.Popen[bytes]) -> str:
    status = process.returncode
    if status is None or status >= 0:
        return f"ended with status {status}"
    return f"was ended by signal {-status} ({signal.strsignal(-status)})"


def _cycle(fields: Mapping[str, Any]) -> CycleResult:
    """A cycle out of its fields, as the other process named them."""
    bundle = fields["metric_bundle"]
    if bundle is not None:
        tiers = {"tier1": Tier1Metrics, "tier2": Tier2Metrics, "tier3": Tier3Metrics}
        bundle = MetricBundle(**{**bundle, **{name: tier(**bundle[name]) for name, tier in tiers.items()}})
    return CycleResult(**{**fields, "metric_bundle": bundle})


def _checked_target(target: str) -> str:
    module, colon, names = target.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), *names.split(".")]):
        raise ClaimError(f"{target!r} names no function; write package.module:callable")
    return target


def _environment(further: Iterable[str]) -> dict[str, str]:
    if isinstance(further, str):
        raise ClaimError(f"env_allow is the text {further!r}; give a list of names, [{further!r}]")
    names = {*PASSED_ON, *further}
    for name in names:
        if not name or "=" in name:
            raise ClaimError(f"{name!r} names no environment variable; give names alone, such as 'DATABASE_URL'")
    return {name: os.environ[name] for name in sorted(names) if name in os.environ}
