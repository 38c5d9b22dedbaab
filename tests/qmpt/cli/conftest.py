# SPDX-License-Identifier: Apache-2.0
"""Inputs of every kind with one planted member that is unlike the others, and a way to call the command line."""

import inspect
import json
import os
import random
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qmpt.cli.app import app

SPANS = Path(__file__).parents[3] / "fixtures" / "agent_spans.jsonl"


@pytest.fixture(scope="session")
def qmpt():
    """Call the command line in this process."""
    apart = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}  # before click 8.2
    return lambda *words: CliRunner(**apart).invoke(app, [str(word) for word in words])


@pytest.fixture
def offline(monkeypatch):
    """Any attempt at a connection fails."""

    def refuse(*_, **__):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)


def git(path, *arguments, text=None):
    environment = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    done = subprocess.run(["git", "-C", path, *arguments], input=text, env=environment, capture_output=True, check=True)
    return done.stdout.decode().strip()


def commits(authors, each, odd=None):
    """A stream for ``git fast-import``; the odd author writes long doubtful messages and changes much."""
    draw, stream, number = random.Random(3), [], 0
    for turn in range(each):
        for author in range(authors):
            number += 1
            when = 1_700_000_000 + turn * 90_000 + author * 3_000 + draw.randrange(900)
            words = ["Mend the parser.", "Add a test.", "Write the notes.", "Remove the old cache."]
            message = f"{draw.choice(words)} {draw.choice(words)}"
            lines = draw.randint(1, 9)
            if author == odd:
                message, lines = "I may be wrong about this, and I do not know why it works. " * 6, 300
            who = f"Name{author} Surname{author} <someone{author}@example.org> {when} +0000"
            content = "\n".join(str(draw.random()) for _ in range(lines)) + "\n"
            parent = f"from :{number - 1}\n" if number > 1 else ""
            stream.append(
                f"commit refs/heads/main\nmark :{number}\nauthor {who}\ncommitter {who}\n"
                f"data {len(message)}\n{message}\n{parent}"
                f"M 100644 inline f{number % 7}.txt\ndata {len(content)}\n{content}\n"
            )
    return "".join(stream).encode()


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    """Sixteen authors, eight commits each; the fourth is unlike the others."""
    path = tmp_path_factory.mktemp("git") / "shop"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    git(path, "fast-import", "--quiet", text=commits(16, 8, odd=3))
    return path


@pytest.fixture(scope="session")
def own_repository(tmp_path_factory):
    """One author, thirty commits."""
    path = tmp_path_factory.mktemp("git") / "mine"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    git(path, "fast-import", "--quiet", text=commits(1, 30))
    return path


@pytest.fixture(scope="session")
def spans():
    """Twelve agents of two services; shop/refunds fails often."""
    return SPANS


@pytest.fixture
def junit(tmp_path):
    """Twenty tests in six runs; test_slow is slow and fails."""
    draw = random.Random(1)
    for run in range(6):
        cases = []
        for number in range(20):
            slow = number == 7
            seconds = draw.lognormvariate(2 if slow else -3, 0.3)
            failure = '<failure message="late"/>' if slow and run % 2 else ""
            name = "test_slow" if slow else f"test_{number}"
            cases.append(f'<testcase classname="shop.pay" name="{name}" time="{seconds:.4f}">{failure}</testcase>')
        suite = f'<testsuite name="unit" timestamp="2026-11-2{run}T10:00:00">{"".join(cases)}</testsuite>'
        (tmp_path / "junit").mkdir(exist_ok=True)
        (tmp_path / "junit" / f"run{run}.xml").write_text(suite, encoding="utf-8")
    return tmp_path / "junit"


def rows(odd="eva"):
    draw = random.Random(2)
    names = [f"caller{number}" for number in range(15)] + [odd]
    return [
        {"who": name, "at": 1_795_219_200 + 60 * turn, "ms": draw.lognormvariate(9 if name == odd else 4, 0.2),
         "size": draw.randint(1, 9)}
        for turn in range(12) for name in names
    ]  # fmt: skip


@pytest.fixture
def table(tmp_path):
    """Sixteen callers; eva's calls are slow."""
    lines = ["who,at,ms,size", *(f"{row['who']},{row['at']},{row['ms']},{row['size']}" for row in rows())]
    path = tmp_path / "calls.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def jsonl(tmp_path):
    """The same as JSON Lines."""
    path = tmp_path / "calls.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows()) + "\n", encoding="utf-8")
    return path


COLUMNS = ("--set", "pattern=who", "--set", "time=at", "--set", "numbers=ms,size")


@pytest.fixture
def columns():
    """What a table of calls must be told."""
    return COLUMNS


@pytest.fixture(scope="session")
def agents(tmp_path_factory):
    """Thirty agents in six windows of time; agent-03 is an anomaly and says so, agent-04 says so and is not."""
    from qmpt.data.io import save_observations
    from qmpt.data.models import Observation

    draw = random.Random(0)
    seen = []

    def see(agent, when, modality, payload):
        number = len(seen)
        seen.append(
            Observation(obs_id=str(number), pattern_id=agent, timestamp=when, modality=modality, payload=payload)
        )

    for window in range(6):
        for number in range(30):
            agent, start, odd = f"agent-{number:02d}", window * 10_000.0, number == 3
            for turn in range(20):
                act = {"action": "search" if odd else draw.choice(["search", "write", "check"])}
                act |= {"ok": draw.random() < (0.3 if odd else 0.9), "cost": draw.lognormvariate(2 if odd else 0, 0.3)}
                see(agent, start + 400 * turn + number, "behavior", act)
            if number in (3, 4):
                knows = {"cost_median": [draw.gauss(1.0, 0.05) for _ in range(60)]}
                see(agent, start + 1, "self_report", {"percentile": 100, "population": {"features": knows}})
                for turn in range(30):
                    chance = draw.choice([0.05, 0.95])
                    see(agent, start + 2 + turn, "prediction", {"p": chance, "outcome": draw.random() < chance})
                    belief = {"proposition": f"claim {turn % 6}", "probability": 0.9}
                    see(agent, start + 2 + turn, "belief", belief)
                    said = [
                        "I was wrong about the cache.",
                        "Perhaps I do not know why it failed.",
                        "The queue is full.",
                    ]
                    see(agent, start + 2 + turn, "text", draw.choice(said))
    path = tmp_path_factory.mktemp("agents") / "agents.jsonl"
    save_observations(path, seen)
    return path
