# SPDX-License-Identifier: Apache-2.0
"""What a report says, and what the machinery of the checks does with a plug-in that misbehaves."""

import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.checks import CheckReport, CheckResult, ConformanceError, check, check_pillar
from ophamin.checks.kinds import CHECKS
from ophamin.checks.report import NotTriedError, examine, name_of, raised
from ophamin.core.text import visible
from ophamin.errors import ClaimError, OphaminError

FAILED = CheckReport(
    "pillar",
    "X.rate",
    (
        CheckResult("contract", "passed"),
        CheckResult("p-value", "failed", "it is 2; give one in [0, 1]"),
        CheckResult("condition", "skipped", "it states none"),
        CheckResult("silent", "failed", "it printed 'x'; say it in the detail"),
    ),
)
PASSED = CheckReport("pillar", "X.rate", (CheckResult("contract", "passed"), CheckResult("name", "skipped", "why")))


def outcome_of(check_function, **how):
    (result,) = examine("pillar", "X.rate", None, {"it": check_function}, **how).results
    return result


def fails(_):
    yield "it is 2; give 1"


def test_a_report_passes_where_nothing_failed_and_a_skipped_check_does_not_count():
    assert PASSED.passed
    assert not FAILED.passed
    assert [result.name for result in FAILED.failures] == ["p-value", "silent"]


def test_a_report_that_passed_raises_nothing():
    assert PASSED.raise_if_failed() is None


def test_the_error_lists_what_failed_with_its_words_and_nothing_else():
    with pytest.raises(ConformanceError) as caught:
        FAILED.raise_if_failed()
    assert str(caught.value) == (
        "pillar X.rate fails 2 of 4 checks:\n"
        "- p-value: it is 2; give one in [0, 1]\n"
        "- silent: it printed 'x'; say it in the detail"
    )
    assert caught.value.report is FAILED


def test_the_error_is_one_of_ours_and_a_failed_assertion_for_any_test_framework():
    assert issubclass(ConformanceError, OphaminError)
    assert issubclass(ConformanceError, AssertionError)


def test_the_text_counts_the_outcomes_and_says_of_each_check_what_came_of_it():
    assert FAILED.to_text() == (
        "pillar X.rate: 1 passed, 2 failed, 1 skipped\n"
        "passed   contract\n"
        "failed   p-value\n"
        "         it is 2; give one in [0, 1]\n"
        "skipped  condition\n"
        "         it states none\n"
        "failed   silent\n"
        "         it printed 'x'; say it in the detail"
    )


@given(st.text(st.characters(codec="ascii", categories=["L", "Zs"])), st.integers(-5, 200))
def test_no_line_is_wider_than_asked_for_except_by_a_long_word(words, width):
    text = CheckReport("corpus", "c", (CheckResult("count", "failed", words),)).to_text(width)
    longest = max(map(len, words.split()), default=0)
    assert all(len(line) <= max(width, 40, 9 + longest) for line in text.splitlines())
    assert text.split()[8:] == ["failed", "count", *words.split()]


def test_results_and_reports_cannot_be_changed_and_cross_to_another_process():
    with pytest.raises(AttributeError):
        FAILED.results[0].outcome = "failed"
    with pytest.raises(AttributeError):
        FAILED.results = ()
    assert pickle.loads(pickle.dumps(FAILED)) == FAILED


def test_a_check_that_gives_no_breach_passes():
    assert outcome_of(lambda _: ()) == CheckResult("it", "passed")


def test_a_check_that_gives_breaches_fails_with_all_their_words():
    assert outcome_of(lambda _: iter(["a is 1", "b is 2"])) == CheckResult("it", "failed", "a is 1; b is 2")


def test_a_check_that_cannot_be_tried_is_skipped_with_the_reason():
    def cannot(_):
        raise NotTriedError("there is nothing to try")

    assert outcome_of(cannot) == CheckResult("it", "skipped", "there is nothing to try")


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("by zero"), SystemExit(3), RecursionError(), NotImplementedError()]
)
def test_whatever_a_plug_in_raises_is_a_failed_check(error):
    def raises(_):
        raise error

    result = outcome_of(raises)
    assert result.outcome == "failed"
    assert result.words.startswith(f"it raised {type(error).__name__}")


def test_an_interrupt_is_no_failed_check():
    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome_of(interrupted)


def test_after_a_gate_that_failed_nothing_more_is_tried():
    checks = {"first": lambda _: (), "gate": fails, "second": fails, "third": lambda _: pytest.fail("tried")}
    report = examine("pillar", "X.rate", None, checks, gates=("gate",))
    assert [result.outcome for result in report.results] == ["passed", "failed", "skipped", "skipped"]
    assert report.results[3].words == "not tried, since 'gate' failed"


def test_after_any_other_check_that_failed_the_rest_is_tried():
    report = examine("pillar", "X.rate", None, {"first": fails, "second": fails}, gates=("gate",))
    assert [result.outcome for result in report.results] == ["failed", "failed"]


def test_endless_breaches_are_cut_off():
    def endless(_):
        while True:
            yield "x" * 1000

    assert len(outcome_of(endless).words) == 2000


def test_what_a_plug_in_says_cannot_act_on_a_terminal():
    report = examine("corpus", "a\x1b[2Jb", None, {"it": lambda _: ["\x1b[31m\u202e"]})
    assert report.to_text() == visible(report.to_text(), keep_newlines=True)
    assert report.plugin == r"a\x1b[2Jb"


def test_a_name_that_cannot_be_had_is_that_of_the_class():
    class Nameless:
        @property
        def name(self):
            raise RuntimeError

    assert name_of(Nameless(), "name").endswith("Nameless")
    assert name_of(Nameless, "title").endswith("Nameless")


def test_a_long_exception_is_cut_short():
    assert len(raised(ValueError("x" * 10_000))) < 300


@pytest.mark.parametrize("kind", sorted(CHECKS))
def test_every_kind_is_checked_by_its_name(kind):
    report = check(kind, object())
    assert report.kind == kind
    assert [result.name for result in report.failures] == ["contract"]


def test_options_reach_the_check_of_the_kind():
    from ophamin.measuring.pillars.adaptive import msprt

    pillar = msprt("phi", mu0=0.5, sigma=0.1)
    columns = {"phi": [0.5, 0.6, 0.4]}
    assert check("pillar", pillar, columns=columns) == check_pillar(pillar, columns=columns)


@pytest.mark.parametrize("kind", ["pillars", "", "renderer"])
def test_an_unknown_kind_is_refused_with_the_known_ones(kind):
    known = "auditor, corpus, pillar, scenario, substrate"
    with pytest.raises(ClaimError, match=f"no kind of plug-in is {kind!r}.*Known: {known}"):
        check(kind, object())


def test_the_suite_needs_no_test_framework():
    program = "import sys, ophamin.checks; print(sorted({'pytest', '_pytest'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"
