# SPDX-License-Identifier: Apache-2.0
"""The checks of an auditor: a good one passes, and each broken one fails exactly the check it breaks."""

import itertools
import os
import threading
from pathlib import Path

import pytest

from ophamin.auditing.base import DEFAULT_OPTIONS, AuditPillar, Coverage, Finding, PillarResult, PillarState
from ophamin.auditing.listing import ListingError, list_files
from ophamin.checks import check, check_auditor
from ophamin.checks.auditor_runs import HOSTILE, LINKS, ORDINARY
from ophamin.errors import ClaimError

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="one of the trees holds a pipe")

FILES = {"a.py": "good = 1\nBAD = 2\n", "b.py": "BAD = 3\n", "package/c.py": "x = 1\n"}


class Good(AuditPillar):
    """Finds every line that says BAD; a program that is always there stands for its tool."""

    name = "good"
    tool_binary = "python"

    def run(self, target_path, *, options=DEFAULT_OPTIONS):
        if self.resolved_binary() is None:
            return self.unavailable_result(target_path)
        try:
            listing = list_files(target_path, chosen=options.files)
        except ListingError as error:
            return self.error_result(target_path, str(error), state=PillarState.PARTIAL)
        found = list(self.look(listing))
        return self.told(target_path, found, listing.coverage(listing.files))

    def look(self, listing):
        for name in listing.files:
            for number, line in enumerate((listing.root / name).read_bytes().splitlines(), 1):
                if b"BAD" in line:
                    yield self.found(name, number)

    def found(self, name, number):
        return Finding(self.name, "X1", "high", "a bad line", name, number, 1)

    def told(self, target, found, coverage):
        return self.finished_result(target, found, coverage, version="1")


def results(auditor, files=FILES, **how):
    return {result.name: result for result in check_auditor(auditor, files=files, **how).results}


def failed(auditor, files=FILES, **how):
    return {name: result.words for name, result in results(auditor, files, **how).items() if result.outcome == "failed"}


CHECKS = list(results(Good))


# -- one that is good -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auditor", [Good, Good()], ids=["class", "object"])
def test_a_good_auditor_passes_every_check(auditor):
    assert {result.outcome for result in results(auditor).values()} == {"passed"}


def test_an_auditor_that_inherits_nothing_is_as_good():
    class Bare:
        name = "good"

        def run(self, target_path, *, options):
            return Good().run(target_path, options=options)

    told = {name: result.outcome for name, result in results(Bare()).items() if result.outcome != "passed"}
    assert told == {"missing tool": "skipped"}


def test_without_files_it_need_not_find_anything():
    told = {name: result.outcome for name, result in results(Good, None).items() if result.outcome != "passed"}
    assert told == {"finds": "skipped"}


def test_a_tree_without_python_leaves_two_checks_out():
    told = {name: result.outcome for name, result in results(Good, {"a.pyi": "BAD"}).items()}
    assert {name for name, outcome in told.items() if outcome == "skipped"} == {"chosen files", "one file"}
    assert "failed" not in told.values()


def test_the_kind_can_be_named():
    assert check("auditor", Good, files=FILES).passed


@pytest.mark.parametrize(
    "files", [{}, {"/etc/a.py": ""}, {"../a.py": ""}, {"": ""}], ids=["none", "root", "up", "empty"]
)
def test_files_that_are_no_tree_are_refused(files):
    with pytest.raises(ClaimError, match="is no plain relative path"):
        check_auditor(Good, files=files)


# -- broken ones ------------------------------------------------------------------------------------------------------


def changed(**members):
    return type("Changed", (Good,), members)


def answering(run, answer):
    """An auditor that answers otherwise where a target holds what one run adds, or is what it is about."""

    def mine(target):
        return {
            "empty folder": lambda: target.is_dir() and not any(target.iterdir()),
            "missing path": lambda: not target.exists(),
            "a file that does not parse": lambda: (target / "broken.py").exists(),
            "a file that is no UTF-8": lambda: (target / "bytes.py").exists(),
            "a file with a null byte": lambda: (target / "null.py").exists(),
            "odd names": lambda: (target / "-n.py").exists(),
            LINKS: lambda: (target / "pipe.py").exists(),
        }[run]()

    class Answering(Good):
        def run(self, target_path, *, options=DEFAULT_OPTIONS):
            return answer(self, target_path) if mine(target_path) else super().run(target_path, options=options)

    return Answering


def raising(self, target):
    raise RecursionError("too deep")


def with_found(**fields):
    def found(self, name, number):
        made = {"rule_id": "X1", "severity": "high", "message": "a bad line", "path": name, "line": number}
        return Finding(**{"pillar_name": self.name, **made, **fields})

    return changed(found=found)


def with_told(change):
    return changed(told=lambda self, target, found, coverage: change(self, target, found, coverage))


class Following(Good):
    """Walks as pathlib does, links included."""

    def look(self, listing):
        yield from super().look(listing)
        link = listing.root / "out.py"
        if link.exists():
            yield self.found("out.py", 1)


class Counting(Good):
    """Finds another thing in each run."""

    def __init__(self):
        super().__init__()
        self.runs = itertools.count()

    def look(self, listing):
        yield from [self.found(name, 1) for name in listing.files[: next(self.runs) % 2]]
        yield from super().look(listing)


class Placed(Good):
    """Tells by the place of the tree what it finds."""

    def look(self, listing):
        for finding in super().look(listing):
            yield Finding(self.name, f"X{len(listing.root.name)}", "high", "a bad line", finding.path, finding.line)


class Cached(Good):
    """Believes a cache that it filled with nothing."""

    def run(self, target_path, *, options=DEFAULT_OPTIONS):
        if options.cache_dir is not None and (options.cache_dir / "filled").exists():
            return self.told(target_path, [], Coverage(3, 3))
        if options.cache_dir is not None:
            (options.cache_dir / "filled").touch()
        return super().run(target_path, options=options)


class Headstrong(Good):
    """Looks at more than was chosen."""

    def run(self, target_path, *, options=DEFAULT_OPTIONS):
        return super().run(target_path)


class Whole(Good):
    """Names a single file by the folder it lies in."""

    def run(self, target_path, *, options=DEFAULT_OPTIONS):
        return super().run(target_path if target_path.is_dir() else target_path.parent, options=options)


class Hurried(Good):
    def run(self, target_path, *, options=DEFAULT_OPTIONS):
        if options.timeout_s < 1:
            raise TimeoutError("no time")
        return super().run(target_path, options=options)


class Toolless(Good):
    def run(self, target_path, *, options=DEFAULT_OPTIONS):
        if self.resolved_binary() is None:
            return self.error_result(target_path, "it is not there")
        return super().run(target_path, options=options)


class Littering(Good):
    def look(self, listing):
        (listing.root / ".state").touch()
        return super().look(listing)


class Chatty(Good):
    def look(self, listing):
        print("looking")
        return super().look(listing)


class Leaking(Good):
    def told(self, target, found, coverage):
        return self.finished_result(target, found, coverage, version="1", extra={"place": str(Path(target).absolute())})


def forged(target, **fields):
    """A result whose fields AuditPillar would not have given."""
    return PillarResult("good", "python", "1", target_path="tree", **fields)


NOT_SEEN = {"state": "partial", "coverage": {"listed": 3, "seen": 0, "missed": []}}

BROKEN = [
    ("contract", lambda: type("Empty", (), {"name": "good"})()),
    ("contract", lambda: type("Demanding", (Good,), {"__init__": lambda self, url: None})),
    ("contract", lambda: changed(run="no method")()),
    ("name", lambda: changed(name="My tool!")),
    ("ordinary tree", lambda: changed(look=raising)),
    ("ordinary tree", lambda: with_told(lambda self, *told: None)),
    *((run, lambda run=run: answering(run, raising)) for run in HOSTILE),
    ("nothing seen", lambda: answering("empty folder", lambda self, target: self.told(target, [], Coverage(1, 1)))),
    ("nothing seen", lambda: answering("missing path", lambda self, target: self.told(target, [], Coverage(1, 1)))),
    ("states", lambda: answering("odd names", lambda self, target: forged(target, status="error", extra=NOT_SEEN))),
    (
        "coverage",
        lambda: answering("odd names", lambda self, target: forged(target, status="ok", extra={"state": "ok"})),
    ),
    ("finds", lambda: changed(look=lambda self, listing: [])),
    ("findings", lambda: with_found(rule_id=" ")),
    ("findings", lambda: with_found(message="two\nlines")),
    ("findings", lambda: with_found(message="")),
    ("places", lambda: with_found(path="nowhere.py")),
    ("places", lambda: with_found(line=900)),
    ("places", lambda: with_found(path="a\\b.py")),
    ("links", lambda: Following),
    ("no machine", lambda: Leaking),
    ("repeats", lambda: Counting),
    ("moved tree", lambda: Placed),
    ("caches", lambda: Cached),
    ("chosen files", lambda: Headstrong),
    ("one file", lambda: Whole),
    ("no time", lambda: Hurried),
    ("missing tool", lambda: Toolless),
    ("tree unchanged", lambda: Littering),
    ("silent", lambda: Chatty),
]
MORE = {"repeats": {"moved tree", "caches"}, "places": {"chosen files", "one file"}}
"""What else may fail: an auditor that does not repeat gives other findings elsewhere, too."""


@pytest.mark.parametrize(("name", "make"), BROKEN, ids=[f"{number}-{one[0]}" for number, one in enumerate(BROKEN)])
def test_a_broken_auditor_fails_exactly_the_check_that_it_breaks(name, make):
    told = set(failed(make()))
    assert name in told
    assert told - {name} <= MORE.get(name, set())


def test_there_is_a_broken_auditor_for_every_check():
    assert {name for name, _ in BROKEN} | {"wire"} == set(CHECKS)


def test_what_cannot_be_put_on_record_is_told():
    class Unplain(Good):
        def told(self, target, found, coverage):
            made = super().told(target, found, coverage)
            made.extra["rules"] = {"a", "b"}
            return made

    assert "it cannot be put on record" in failed(Unplain)["wire"]


def test_an_auditor_that_waits_for_a_pipe_is_let_go():
    before = threading.active_count()

    class Waiting(Good):
        def look(self, listing):
            if (listing.root / "pipe.py").exists():
                (listing.root / "pipe.py").read_bytes()
            return super().look(listing)

    told = failed(Waiting, seconds=0.2)
    assert told[LINKS].startswith("links and a pipe: it was not done after 0.4 s")
    assert threading.active_count() == before


def test_after_a_broken_contract_nothing_else_is_tried():
    told = results(type("Empty", (), {"name": "good"})())
    assert {name: result.outcome for name, result in told.items()} == {
        name: "failed" if name == "contract" else "skipped" for name in CHECKS
    }


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (
            lambda: changed(look=raising),
            ORDINARY,
            "ordinary tree: it raised RecursionError: too deep; use finished_res",
        ),
        (lambda: with_found(path="nowhere.py"), "places", "ordinary tree: X1 is in 'nowhere.py', which is no file of"),
        (lambda: with_found(line=900), "places", "ordinary tree: X1 is at 'a.py':900:0, and the file has 3 lines"),
        (lambda: Counting, "repeats", "the same tree gave findings with"),
        (lambda: Littering, "tree unchanged", "ordinary tree: it changed ['.state'] in the tree; write into options."),
        (lambda: Toolless, "missing tool", "without its tool the state is crashed; ask resolved_binary, use unavail"),
    ],
)
def test_a_breach_is_told_with_the_values_and_the_way_out(make, name, words):
    assert failed(make())[name].startswith(words)


# -- the auditors of this distribution --------------------------------------------------------------------------------

FAULTS = {"a.py": "import os\nimport subprocess\n\nsubprocess.call('ls', shell=True)\ny: int = 'a'\n"}


@pytest.mark.parametrize("name", ["ruff", "bandit", pytest.param("mypy", marks=pytest.mark.slow)])
def test_a_registered_auditor_keeps_its_promises(name):
    from ophamin.registry import AUDITORS

    auditor = AUDITORS.get(name)
    if not auditor.is_available():
        pytest.skip(f"needs {name}")
    report = check_auditor(auditor, files=FAULTS)
    report.raise_if_failed()
    assert {result.outcome for result in report.results} == {"passed"}


def test_pip_audit_keeps_its_promises_without_its_service():
    from ophamin.auditing.pillars.pip_audit import PipAuditPillar

    if not PipAuditPillar.is_available():
        pytest.skip("needs pip-audit")
    check_auditor(PipAuditPillar(osv_url="http://127.0.0.1:9/v1/query")).raise_if_failed()
