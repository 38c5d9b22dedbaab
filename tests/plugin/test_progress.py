# SPDX-License-Identifier: Apache-2.0
"""One updating line for a claim that takes long, on a terminal and nowhere else."""

from types import SimpleNamespace

from ophamin.plugin.progress import PATIENCE, Progress, progress_line


class Terminal:
    """As much of pytest's reporter as the line needs."""

    def __init__(self, *, isatty):
        self.isatty = isatty
        self.written = []
        self.currentfspath = "a file"
        self._tw = SimpleNamespace(fullwidth=60)

    def rewrite(self, line, *, erase):
        self.written.append(line)

    def ensure_newline(self):
        self.written.append("\n")

    def flush(self):
        pass


class Capture:
    def global_and_fixture_disabled(self):
        from contextlib import nullcontext

        return nullcontext()


def session(terminal, *, verbose=0):
    plugins = {"terminalreporter": terminal, "capturemanager": Capture()}
    return SimpleNamespace(
        pluginmanager=SimpleNamespace(getplugin=plugins.get), option=SimpleNamespace(verbose=verbose)
    )


def trial_of(**how):
    walk = SimpleNamespace(log_low=1.25, accept=3.0, log_high=-0.5, reject=3.0)
    watch = SimpleNamespace(walk=walk, n_units=40, plan=SimpleNamespace(cap=600))
    script = SimpleNamespace(metadata=SimpleNamespace(name="a.test_slow"), plans=(SimpleNamespace(cap=50),))
    return SimpleNamespace(script=script, watches=(watch,), ledger=[None] * 7, **how)


def test_the_line_says_units_of_the_budget_and_the_evidence_between_its_bounds():
    assert progress_line(trial_of()) == "test_slow: n=40 of 600, log E above 1.2/3.0, below -0.5/3.0"
    fixed = trial_of()
    fixed.watches = ()
    assert progress_line(fixed) == "test_slow: 7 of 50 observations"


def test_nothing_is_shown_before_two_seconds_and_not_more_often_than_five_times_a_second():
    times = iter([0.0, PATIENCE - 0.1, PATIENCE + 0.1, PATIENCE + 0.15, PATIENCE + 0.5])
    terminal, trial = Terminal(isatty=True), trial_of()
    progress = Progress(session(terminal), lambda: next(times))
    for _ in range(5):
        progress(trial)
    assert terminal.written == ["\n", *[progress_line(trial)[:59]] * 2]
    progress.clear()
    assert (terminal.written[-1], terminal.currentfspath) == ("", None)


def test_another_trial_begins_to_wait_anew():
    times = iter([0.0, 10.0, 10.0, 10.5])
    terminal = Terminal(isatty=True)
    progress = Progress(session(terminal, verbose=1), lambda: next(times))
    first, second = trial_of(), trial_of()
    for trial in (first, first, second, second):
        progress(trial)
    assert len(terminal.written) == 1


def test_where_there_is_no_terminal_nothing_is_written():
    times = iter([0.0, 10.0])
    for terminal in (Terminal(isatty=False), None):
        progress = Progress(session(terminal), lambda: next(times, 99.0))
        progress(trial := trial_of())
        progress(trial)
        progress.clear()
        assert terminal is None or terminal.written == []
