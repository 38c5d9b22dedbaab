# SPDX-License-Identifier: Apache-2.0
"""P13: an audit by four tools at once, cold and warm, against the same in a row, the longest alone, and prospector.

The tree is the installed package of pytest, copied, with a requirements file; pip-audit asks a service on this machine
that knows no vulnerability. Whole commands are timed from outside, with the memory of all their processes. prospector
is looked for beside this interpreter and on PATH. ``--quick`` takes one round.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import psutil

from ophamin.auditing.base import AuditOptions
from ophamin.auditing.binaries import find_binary
from ophamin.auditing.pillars.bandit import BanditPillar
from ophamin.auditing.pillars.mypy import MypyPillar
from ophamin.auditing.pillars.pip_audit import PipAuditPillar
from ophamin.auditing.pillars.ruff import RuffPillar
from ophamin.auditing.runner import AuditRunner

PACKAGE = "_pytest"
PINS = 5
OPHAMIN = Path(sys.executable).with_name("ophamin")


class _NothingKnown(BaseHTTPRequestHandler):
    """Answers every question of the OSV protocol by: no vulnerability."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *words) -> None:
        pass


@contextmanager
def osv_service() -> Iterator[str]:
    """The query address of a service on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NothingKnown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


def copied_package(folder: Path, package: str = PACKAGE) -> Path:
    """A folder that holds an installed package, and pins for pip-audit."""
    tree = folder / "tree"
    source = Path(find_spec(package).origin).parent
    shutil.copytree(source, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    pins = sorted(f"{one.metadata['Name']}=={one.version}" for one in distributions() if "+" not in one.version)
    (tree / "requirements.txt").write_text("\n".join(pins[:PINS]) + "\n", encoding="utf-8")
    return tree


def wall(work: Callable[[], object]) -> float:
    """Seconds that a piece of work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# -- the tools, one by one and at once --------------------------------------------------------------------------------


def tools_alone_and_together(tree: Path, folder: Path, url: str, rounds: int) -> None:
    """Each tool alone, all in a row and all at once, in this process; a cold round has an empty cache."""
    tools = [RuffPillar(), BanditPillar(), MypyPillar(), PipAuditPillar(osv_url=url)]
    for state in ("cold", "warm"):
        alone: dict[str, list[float]] = {tool.name: [] for tool in tools}
        together, ratios = [], []
        warm = AuditOptions(cache_dir=folder / "warm")
        for turn in range(rounds + (state == "warm")):
            caches = [AuditOptions(cache_dir=folder / f"{turn}-{kind}") for kind in ("row", "once")]
            one, other = caches if state == "cold" else (warm, warm)
            times = {tool.name: wall(lambda tool=tool, one=one: tool.run(tree, options=one)) for tool in tools}
            at_once = wall(lambda other=other: AuditRunner(tools, options=other).run(tree))
            if state == "warm" and turn == 0:
                continue  # it fills the cache
            for name, seconds in times.items():
                alone[name].append(seconds)
            together.append(at_once)
            ratios.append(at_once / max(times.values()))
        told = ", ".join(f"{name} {statistics.median(seconds):.2f}" for name, seconds in alone.items())
        row = [sum(round_) for round_ in zip(*alone.values(), strict=True)]
        print(f"  {state}: alone {told}; in a row {statistics.median(row):.2f}, at once "
              f"{statistics.median(together):.2f} s; over the longest alone x {statistics.median(ratios):.2f} "
              f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


# -- whole commands ---------------------------------------------------------------------------------------------------


def watched(command: Sequence[str | Path], cwd: Path) -> tuple[float, float, float]:
    """Wall seconds of a command, CPU seconds, and the greatest resident memory of it and its children together, in MB.

    Memory that processes share is counted for each of them.
    """
    before = os.times()
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        root, most = psutil.Process(process.pid), 0
        while process.poll() is None:
            total = 0
            try:
                for one in [root, *root.children(recursive=True)]:
                    total += one.memory_info().rss
            except psutil.NoSuchProcess:
                pass
            most = max(most, total)
            time.sleep(0.01)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, cpu, most / 1e6


def commands(tree: Path, folder: Path, url: str, rounds: int) -> None:
    """``ophamin audit`` and prospector over the same tree, in turn."""
    prospector = find_binary("prospector")
    three = "ruff,bandit,mypy"
    ours = {f"ophamin audit, {three}": ["--tools", three], "ophamin audit, all four": ["--osv-url", url]}
    taken: dict[str, list[tuple[float, float, float]]] = {}
    for turn in range(rounds):
        for name, words in ours.items():
            cache = folder / f"{turn}-{name}"
            command = [OPHAMIN, "audit", tree, "--no-baseline", "--cache-dir", cache, *words]
            for state in ("cold", "warm"):
                taken.setdefault(f"{name}, {state}", []).append(watched(command, folder))
        if prospector is not None:
            place = folder / f"{turn}-prospector"
            place.mkdir()
            asked = [prospector, "--no-autodetect", "-t", "bandit", "-t", "mypy", "-t", "ruff", "-o", "json", tree]
            for state in ("cold", "warm"):
                taken.setdefault(f"prospector, {three}, {state}", []).append(watched(asked, place))
    for name, rows in taken.items():
        seconds, cpu, memory = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"  {name:<46} {seconds:6.2f} s wall {cpu:6.2f} s CPU {memory:6.0f} MB")
    if prospector is None:
        print("  prospector is not installed: pip install -e '.[bench]'")


def versions() -> str:
    """What is compared."""
    told = [f"{kind.name} {kind().tool_version().split()[-1]}" for kind in (RuffPillar, BanditPillar, PipAuditPillar)]
    mypy = MypyPillar().tool_version().split()
    binary = find_binary("prospector")
    peer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout if binary else ""
    return ", ".join([*told, " ".join(mypy[:2]), peer.strip()])


def main() -> None:
    rounds = 1 if "--quick" in sys.argv else 5
    with tempfile.TemporaryDirectory() as name, osv_service() as url:
        folder = Path(name)
        tree = copied_package(folder)
        files = list(tree.rglob("*.py"))
        lines = sum(file.read_bytes().count(b"\n") for file in files)
        print(f"\nP13: an audit of {PACKAGE}, {len(files)} files, {lines} lines; {versions()}; "
              f"load {json.dumps(os.getloadavg())}")  # fmt: skip
        tools_alone_and_together(tree, folder, url, rounds)
        commands(tree, folder, url, rounds)


if __name__ == "__main__":
    main()
