# SPDX-License-Identifier: Apache-2.0
"""What all tests share: the profile of hypothesis, and the marker for tests that need an outside program."""

import os
import shutil
from collections import Counter

import pytest
from hypothesis import settings

# A gate must not turn red by the luck of a draw; new examples are looked for everywhere else.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=40)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_make_parametrize_id(val, argname):
    """Bytes are named by their length: what is in them, such as the time in a gzip header, may differ by worker."""
    return f"{argname}-{len(val)}B" if isinstance(val, (bytes, bytearray)) else None


def pytest_collection_modifyitems(items):
    """An address in a name differs by worker, too; without this the run would end in a riddle."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"the name of a test holds an address, give it an id: {item.nodeid}")


def pytest_configure(config):
    config.pluginmanager.register(Needs())


class Needs:
    """The marker ``needs("program")``."""

    def __init__(self):
        self.absent = Counter()

    def pytest_runtest_setup(self, item):
        for mark in item.iter_markers("needs"):
            for program in mark.args:
                if shutil.which(program) is None:
                    pytest.skip(f"needs {program}")

    def pytest_runtest_logreport(self, report):
        reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        if "needs " in reason:
            self.absent[reason.rpartition("needs ")[2]] += 1

    def pytest_terminal_summary(self, terminalreporter):
        for program, count in sorted(self.absent.items()):
            terminalreporter.write_line(f"{count} tests skipped: the program {program} is not installed")
