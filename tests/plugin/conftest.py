# SPDX-License-Identifier: Apache-2.0
"""A small project in a folder of its own, and sessions of pytest in it."""

import gzip
import json
import subprocess
import sys
import textwrap

import cryptography.hazmat.primitives.asymmetric.ec as ec
import cryptography.hazmat.primitives.asymmetric.ed25519 as ed25519
import cryptography.hazmat.primitives.serialization as serialization
import numpy as np
import pytest
import scipy.stats

import ophamin.measuring.proof.codec as codec
import ophamin.plugin.docket
import ophamin.plugin.forecast
import ophamin.plugin.self_runs
import ophamin.plugin.workers  # loaded before any session in this process, which would load it again each time

HEADER = """\
import pytest

from ophamin import Inconclusive, Refuted, estimate, mean, median, observed, quantile, rate, scenario
"""
QUIET = ("-pno:randomly", "-pno:hypothesispytest")
ALONE = ("-o", "asyncio_default_fixture_loop_scope=function")
NEIGHBOURS = ("anyio", "asyncio", "pytest_cov", "repeat", "rerunfailures", "timeout")
TWO_WORKERS = ("-n", "2", *(f"-pno:{name}" for name in NEIGHBOURS))  # loading them takes longer than the session
OUTER = ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT")
ROOMS = ophamin.plugin
LOADED = (ec, ed25519, serialization, np, scipy.stats, ROOMS.docket, ROOMS.forecast, ROOMS.self_runs, ROOMS.workers)


class Project:
    """Files, sessions and the records that they leave.

    Attributes:
        path: the project's root.
        arguments: given to every session.
    """

    def __init__(self, pytester, arguments=ALONE):
        self.pytester = pytester
        self.path = pytester.path
        self.arguments = [*QUIET, *arguments]

    def write(self, source, name="test_claims.py"):
        """Write a file; a module of tests gets the usual imports."""
        header = HEADER if name.endswith(".py") and "test_" in name else ""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + textwrap.dedent(source), encoding="utf-8")
        return path

    def claims(self, *, file="test_claims.py", marks="", **wrong):
        """One scenario for each name: so many of 40 answers are wrong, and at most half may be."""
        self.write("".join(_claim(name, count, marks) for name, count in wrong.items()), file)

    def run(self, *arguments, flag="--ophamin", **how):
        """A session in this process."""
        return self.pytester.runpytest_inprocess(*self._all(flag, arguments), **how)

    def run_apart(self, *arguments, flag="--ophamin"):
        """A session in a process of its own."""
        return self.pytester.runpytest_subprocess(*self._all(flag, arguments))

    def start(self, *arguments):
        """Begin a session in a process of its own, to be waited for or killed."""
        command = [sys.executable, "-m", "pytest", *self._all("--ophamin", arguments)]
        return subprocess.Popen(command, cwd=self.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def proofs(self, folder="proofs/latest"):
        """Paths of all records."""
        return sorted((self.path / folder).rglob("proof.json"))

    def records(self, folder="proofs/latest"):
        """All records, each read as one from outside is: form, content, id."""
        return sorted((codec.ingest(path) for path in self.proofs(folder)), key=lambda record: record.created_at)

    def record(self):
        """The only record."""
        (one,) = self.records()
        return one

    def verdicts(self):
        """Name of the test -> outcome, for every record."""
        return {self.told(record)["name"].rpartition(".test_")[2]: record.verdict.outcome for record in self.records()}

    @staticmethod
    def told(record):
        """What the wire has no field for, out of the record's provenance."""
        entity = record.provenance["entity"]["ophamin:scenario"]
        return {
            name.removeprefix("ophamin:"): value["$"] if isinstance(value, dict) else value
            for name, value in entity.items()
        }

    def observations(self, proof):
        """The document of observations beside a record, read without the library."""
        header, *chunks = json.loads(gzip.decompress((proof.parent / "observations.json.gz").read_bytes()))
        columns = {name: [] for name in header["columns"]}
        for chunk in chunks:
            for name, values in columns.items():
                values.extend(chunk["columns"][name])
        return columns

    def tables(self):
        """The columns of every observations file."""
        return [self.observations(proof) for proof in self.proofs()]

    def _all(self, flag, arguments):
        return [*([flag] if flag else []), *self.arguments, *map(str, arguments)]


def _claim(name, wrong, marks):
    return f'''

{marks}
@scenario("at most half of the answers of {name} are wrong", rate("wrong") <= 0.5)
def test_{name}(trial):
    """Is {name} right?

    If refuted: ask somebody else.
    """
    for number in range(40):
        trial.observe(wrong=number < {wrong})
'''


@pytest.fixture
def bare_environment(monkeypatch):
    """What this session's own surroundings say to a session within it: nothing."""
    for name in OUTER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("CI", "true")  # no key of the user's own: a test that signs says so


@pytest.fixture
def project(pytester, bare_environment):
    """A project whose sessions run alone."""
    return Project(pytester)


@pytest.fixture(params=[ALONE, TWO_WORKERS], ids=["alone", "two-workers"])
def both(request, pytester, bare_environment):
    """A project whose sessions run alone, and one whose sessions run in two workers."""
    return Project(pytester, request.param)


@pytest.fixture
def spread(pytester, bare_environment):
    """A project whose sessions run in two workers."""
    return Project(pytester, TWO_WORKERS)
