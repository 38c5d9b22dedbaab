# SPDX-License-Identifier: Apache-2.0
"""The checks of a pillar: a good one passes, and each broken one fails exactly the check it breaks."""

import itertools
import math
import sys
import warnings
from dataclasses import dataclass

import pytest

from ophamin.checks import check_pillar
from ophamin.checks.pillar_runs import HOSTILE, MAX_ROWS, ORDINARY, PillarRuns, default_columns, view_of
from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.observations import Cycles
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows, library_version, numbers

COLUMNS = {
    "phi": [0.41, 0.52, 0.48, 0.55, 0.39, 0.5, 0.61, 0.47, 0.44, 0.58, 0.5, 0.49],
    "arm": ["a", "b"] * 6,
}


class Good(PillarBase):
    """The mean of ``phi`` with its range: it does right whatever the run."""

    pillar_name = "X.mean"
    library = "pytest"
    columns = ("phi",)
    scale = 1.0

    def measure(self, cycles, records):
        columns, _ = complete_rows(cycles, ("phi", "arm"))
        values = numbers(columns["phi"], "phi")
        if not values:
            raise NotComputableError("no row carries both")
        value = math.fsum(one / len(values) for one in values) * self.scale
        return self.evidence("mean of phi", value, ci_low=min(*values, value), ci_high=max(*values, value), p_value=0.5)

    def condition(self, row):
        return True if row.statistic_value else None


def results(pillar, **how):
    return {result.name: result for result in check_pillar(pillar, columns=COLUMNS, **how).results}


def failed(pillar, columns=COLUMNS):
    return {result.name: result.words for result in check_pillar(pillar, columns=columns).failures}


CHECKS = list(results(Good()))
RUNS = PillarRuns(Good(), COLUMNS)


# -- one that is good -------------------------------------------------------------------------------------------------


def test_a_good_pillar_passes_every_check():
    assert {result.outcome for result in results(Good()).values()} == {"passed"}


def test_a_pillar_that_inherits_nothing_is_as_good():
    class Counting:
        pillar_name = "X.count"
        library = "pytest"
        library_version = library_version("pytest")

        def compute(self, cycle_results, records):
            return PillarEvidence("X.count", "rows", len(cycle_results), "pytest", self.library_version)

    told = results(Counting())
    assert {name for name, result in told.items() if result.outcome != "passed"} == {"columns", "condition", "pickles"}
    assert {result.outcome for result in told.values()} == {"passed", "skipped"}


def test_without_columns_the_pillar_is_given_numbers_for_those_it_reads_and_need_not_compute():
    class Demanding(Good):
        columns = ("arm", "phi", "never there")

        def measure(self, cycles, records):
            seen.append([set(cycle.raw) for cycle in cycles])
            raise NotComputableError("for a reason")

    seen = []
    report = check_pillar(Demanding())
    assert report.passed
    assert seen[0] == [{"arm", "phi", "never there"}] * 60
    (computes,) = (result for result in report.results if result.name == "computes")
    assert (computes.outcome, computes.words) == (
        "skipped",
        "it computed nothing of numbers made up for it (for a reason); give columns=",
    )


# -- broken ones ------------------------------------------------------------------------------------------------------


def raises_on(run):
    """A pillar that fails on one run and on no other."""

    class RaisesOn(Good):
        def compute(self, cycle_results, records):
            if repr(list(cycle_results)) == spelled:
                raise ZeroDivisionError("division by zero")
            return super().compute(cycle_results, records)

    spelled = repr(RUNS.rows(run))
    return RaisesOn


def forged(run=ORDINARY, **values):
    """A pillar whose evidence of one run holds what no evidence takes."""

    class Forged(Good):
        def compute(self, cycle_results, records):
            row = super().compute(cycle_results, records)
            if repr(list(cycle_results)) == spelled:
                for name, value in values.items():
                    object.__setattr__(row, name, value)
            return row

    spelled = repr(RUNS.rows(run))
    return Forged


def altered(change, run=ORDINARY):
    """A pillar that does something more on one run."""

    class Altered(Good):
        def compute(self, cycle_results, records):
            row = super().compute(cycle_results, records)
            return change(cycle_results, row) or row if repr(list(cycle_results)) == spelled else row

    spelled = repr(RUNS.rows(run))
    return Altered


def with_attributes(**attributes):
    return type("Changed", (Good,), attributes)


class Lasting(Good):
    """Says how often it was asked."""

    def __init__(self):
        self.asked = itertools.count()

    def measure(self, cycles, records):
        row = super().measure(cycles, records)
        row.detail["asked"] = next(self.asked)
        return row


class Exhausted(Good):
    """Fails the second time it reads the ordinary run."""

    def __init__(self):
        self.ordinary = 0

    def compute(self, cycle_results, records):
        self.ordinary += repr(list(cycle_results)) == repr(RUNS.rows(ORDINARY))
        if self.ordinary == 2:
            raise EOFError("used up")
        return super().compute(cycle_results, records)


class Rounding(Good):
    """Rounds what it reads of a view."""

    def compute(self, cycle_results, records):
        row = super().compute(cycle_results, records)
        return row if isinstance(cycle_results, list) else self.evidence(row.statistic_name, 0.5)


class ListsAlone(Good):
    def compute(self, cycle_results, records):
        return super().compute(cycle_results.copy(), records)


class Forgetful(Good):
    """Comes out of a pickle without its configuration."""

    def __init__(self, scale=2.0):
        self.scale = scale

    def measure(self, cycles, records):
        row = super().measure(cycles, records)
        return self.evidence(row.statistic_name, row.statistic_value)

    def __reduce__(self):
        return Forgetful, (3.0,)


class Unrestored(Good):
    def __reduce__(self):
        return Unrestorable, ()


class Unrestorable(Good):
    def compute(self, cycle_results, records):
        raise AttributeError("scale")


@dataclass(frozen=True)
class Addressed(Good):
    made_of: str = "<object at 0x7f3a5c0d1e20>"


@dataclass(frozen=True)
class Oversized(Good):
    seed: int = 2**60


class Uncomputing(Good):
    def measure(self, cycles, records):
        raise NotComputableError("never")


def chatty(*_):
    print("computing")


def chatty_about_errors(*_):
    print("computing", file=sys.stderr)


def warned(*_):
    warnings.warn("about to converge", RuntimeWarning, stacklevel=1)


BROKEN = [
    ("contract", with_attributes(library="")),
    ("contract", with_attributes(library_version=None)),
    ("contract", with_attributes(pillar_name=7)),
    ("contract", with_attributes(compute="mean")),
    ("contract", lambda: object()),
    ("contract", lambda: Good),
    ("name", with_attributes(pillar_name="mean")),
    ("name", with_attributes(pillar_name="X.mean of phi")),
    ("library version", with_attributes(library_version="0.0.1")),
    ("library version", with_attributes(library="no such distribution", library_version="1.0")),
    ("columns", with_attributes(columns=["phi"])),
    ("columns", with_attributes(columns="phi")),
    ("columns", with_attributes(columns=("phi", 1))),
    ("columns", with_attributes(columns=("phi", ""))),
    *((run, raises_on(run)) for run in (ORDINARY, *HOSTILE)),
    ("missing column", raises_on("without 'arm'")),
    (ORDINARY, altered(lambda rows, row: row.to_dict())),
    (ORDINARY, altered(lambda rows, row: sys.exit(1))),
    ("computes", Uncomputing),
    ("nothing made up", forged("empty run", statistic_value=0.0)),
    ("nothing made up", forged("empty run", p_value=1.0)),
    ("nothing made up", forged("empty run", ci_low=0.0, ci_high=1.0, detail={"interval": "of all", "reason": "none"})),
    ("nothing made up", forged("rows without a column", statistic_value=0.5)),
    ("reasons", forged("empty run", detail={})),
    ("reasons", forged("gaps", statistic_value=None, detail={"reason": " "})),
    ("attribution", forged(pillar="X.other")),
    ("attribution", forged(library_version="0.0.1")),
    ("attribution", forged(library="numpy", library_version="0.0.1")),
    ("finite numbers", forged(effect_size=math.nan)),
    ("finite numbers", forged(statistic_value=math.inf)),
    ("finite numbers", forged(statistic_value=True)),
    ("finite numbers", forged("one row", p_value="0.5")),
    ("p-value", forged(p_value=1.5)),
    ("p-value", forged("two rows", p_value=-1e-9)),
    ("interval", forged(ci_low=0.9, ci_high=0.1)),
    ("interval", forged(ci_low=0.9, ci_high=0.95)),
    ("cross-check", forged(cross_check="maybe")),
    ("canonical form", altered(lambda rows, row: row.detail.update(low=math.inf))),
    ("canonical form", altered(lambda rows, row: row.detail.update(pair=(1, 2)))),
    ("canonical form", altered(lambda rows, row: row.detail.update({1: "one"}), "empty run")),
    ("silent", altered(chatty)),
    ("silent", altered(chatty_about_errors, "one row")),
    ("no warning", altered(warned)),
    ("inputs unchanged", altered(lambda rows, row: rows[0].raw.update(seen=True), "two rows")),
    ("repeats", Lasting),
    ("repeats", Exhausted),
    ("reads a view", ListsAlone),
    ("reads a view", Rounding),
    ("pickles", Forgetful),
    ("pickles", Unrestored),
    ("plan text", Addressed),
    ("plan text", Oversized),
    ("condition", with_attributes(condition=lambda self, row: "yes")),
    ("condition", with_attributes(condition=lambda self, row: True)),
    ("condition", with_attributes(condition=lambda self, row: row.detail["holds"])),
]


@pytest.mark.parametrize(("check", "make"), BROKEN, ids=[f"{number}-{one[0]}" for number, one in enumerate(BROKEN)])
def test_a_broken_pillar_fails_exactly_the_check_that_it_breaks(check, make):
    assert list(failed(make())) == [check]


def test_there_is_a_broken_pillar_for_every_check():
    assert {check for check, _ in BROKEN} == set(CHECKS)


@pytest.mark.parametrize(
    ("make", "check", "words"),
    [
        (raises_on("one row"), "one row", "one row: it raised ZeroDivisionError: division by zero; give a Pillar"),
        (forged(p_value=1.5), "p-value", "ordinary run: the p-value is 1.5; it lies in [0, 1]"),
        (with_attributes(pillar_name="mean"), "name", "pillar_name is 'mean'; write a letter or a room, a dot and a"),
        (with_attributes(library_version="0.0.1"), "library version", "pytest is told to be '0.0.1', and installed is"),
        (forged("empty run", statistic_value=0.0), "nothing made up", "empty run: not computed is 0.0 of no value at"),
        (Lasting, "repeats", "ordinary run: the same rows gave other evidence again (detail was {'asked': 0} and is {"),
        (
            Exhausted,
            "repeats",
            "ordinary run: it gave evidence once, and of the same rows again it raised EOFE",
        ),
        (
            Rounding,
            "reads a view",
            "a list and a trial's view of the same rows give other numbers (statistic_v",
        ),
        (Forgetful, "pickles", "a pickled copy gives other numbers (statistic_value was 0.99"),
        (Unrestored, "pickles", "a pickled copy gives no evidence: it raised AttributeError: scale; keep the config"),
        (altered(chatty), "silent", "ordinary run: it printed 'computing\\n'; say it in the detail"),
    ],
)
def test_a_breach_is_told_with_the_run_the_value_and_the_way_out(make, check, words):
    assert failed(make())[check].startswith(words)


def test_of_nothing_a_whole_number_may_be_told_since_it_counts():
    assert failed(forged("empty run", statistic_value=0)()) == {}


def test_an_interval_may_be_open_on_one_side():
    assert failed(forged(ci_high=None)()) == failed(forged(ci_low=None)()) == {}


def test_an_interval_of_something_else_may_lie_anywhere_if_it_says_so():
    assert failed(forged(ci_low=0.9, ci_high=0.95, detail={"interval": "of the median"})()) == {}


@pytest.mark.parametrize(
    ("library", "version"),
    [
        ("ophamin", library_version("pytest-ophamin")),
        ("pytest-ophamin", library_version("pytest-ophamin")),
        ("sklearn", library_version("scikit-learn")),
        ("python", f"{sys.version_info.major}.{sys.version_info.minor}"),
        ("statistics", f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"),
        ("no such distribution", "unknown"),
    ],
)
def test_the_version_of_a_distribution_a_package_or_python_itself_is_known(library, version):
    told = with_attributes(library=library, library_version=version)()
    assert failed(told) == {}
    assert list(failed(with_attributes(library=library, library_version="0.0.1")())) == ["library version"]


def test_a_pillar_that_cannot_be_pickled_is_told_so_and_does_not_fail():
    class Local(Good):
        pass

    told = results(Local())["pickles"]
    assert told.outcome == "skipped"
    assert told.words.startswith("it stays in its process: it raised")


def test_a_pillar_whose_members_raise_fails_its_contract_and_nothing_else():
    class Raising(Good):
        @property
        def library_version(self):
            raise RuntimeError("no network")

        @property
        def columns(self):
            raise RuntimeError("no network")

    report = check_pillar(Raising())
    assert [result.name for result in report.failures] == ["contract"]
    assert "RuntimeError: no network" in report.failures[0].words


def test_the_warnings_and_streams_of_the_caller_are_as_before(capsys):
    filters = list(warnings.filters)
    check_pillar(altered(chatty)(), columns=COLUMNS)
    print("mine")
    assert capsys.readouterr() == ("mine\n", "")
    assert warnings.filters == filters


# -- the runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns",
    [{}, {"phi": []}, {"phi": [0.5], "arm": ["a", "b"]}, {"phi": [0.5] * (MAX_ROWS + 1)}],
    ids=["no column", "no row", "two lengths", "too many rows"],
)
def test_columns_that_are_no_run_are_refused(columns):
    with pytest.raises(ClaimError, match=f"give every column the same number, from 1 to {MAX_ROWS}"):
        check_pillar(Good(), columns=columns)


def test_the_runs_are_what_they_are_called():
    raws = {run: [row.raw for row in RUNS.rows(run)] for run in [ORDINARY, *HOSTILE, *RUNS.without]}
    assert raws[ORDINARY] == [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
    assert raws["empty run"] == []
    assert raws["one row"] == raws[ORDINARY][:1]
    assert raws["two rows"] == raws[ORDINARY][:2]
    assert raws["constant columns"] == [raws[ORDINARY][0]] * 12
    assert {row["phi"] for row in raws["constant numbers"]} == {0.41}
    assert {row["arm"] for row in raws["constant numbers"]} == {"a", "b"}
    assert [sorted(row) for row in raws["gaps"][:4]] == [[], ["arm", "phi"], ["arm", "phi"], []]
    assert [row["phi"] for row in raws["numbers not finite"]][3::3] == [
        math.inf,
        -math.inf,
        pytest.approx(math.nan, nan_ok=True),
    ]
    assert sum(math.isfinite(row["phi"]) for row in raws["numbers not finite"]) == 8
    assert [row["arm"] for row in raws["numbers not finite"]] == COLUMNS["arm"]
    assert all(abs(row["phi"]) > 1e306 for row in raws["huge numbers"])
    assert all(row["phi"] > 10**399 for row in raws["integers beyond any float"])
    assert all(isinstance(row["phi"], str) for row in raws["texts for numbers"])
    assert all(isinstance(value, list) for row in raws["lists for values"] for value in row.values())
    assert raws["rows without a column"] == raws["cycles that failed"] == [{}] * 12
    assert all(row.failed_to_measure and not row.success for row in RUNS.rows("cycles that failed"))
    assert all(row.success and not row.failed_to_measure for row in RUNS.rows(ORDINARY))
    assert {name for row in raws["without 'phi'"] for name in row} == {"arm"}


def test_a_value_of_none_is_a_gap_of_the_ordinary_run():
    runs = PillarRuns(Good(), {"phi": [0.5, None], "arm": ["a", "b"]})
    assert [row.raw for row in runs.rows(ORDINARY)] == [{"phi": 0.5, "arm": "a"}, {"arm": "b"}]


@pytest.mark.parametrize("run", [ORDINARY, *HOSTILE])
def test_the_view_of_a_run_has_the_same_rows(run):
    rows = RUNS.rows(run)
    view = view_of(rows)
    assert isinstance(view, Cycles)
    assert repr(list(view)) == repr(rows)


def test_numbers_made_up_for_a_pillar_are_always_the_same_and_never_alike():
    first = default_columns(Good())["phi"]
    assert default_columns(Good())["phi"] == first
    assert len(set(first)) > 40


def test_a_run_of_many_columns_loses_eight_of_them_in_turn():
    runs = PillarRuns(Good(), {f"x{number}": [1.0, 2.0] for number in range(50)})
    assert len(runs.without) == 8


def test_every_run_of_rows_names_its_stimuli():
    assert all(row.stimulus_id == f"s{number}" for number, row in enumerate(RUNS.rows(ORDINARY)))
    assert isinstance(RUNS.rows(ORDINARY)[0], CycleResult)
