# SPDX-License-Identifier: Apache-2.0
"""Claims that are corrected together: what stands, what falls, and what the session's exit code says of it."""

import pytest
from _pytest.config import ExitCode


def family(count, wrong, how):
    return "".join(
        f'''
        @scenario("it is fine", rate("wrong") <= 0.3, multiplicity={how})
        def test_{number}(trial):
            """Is it fine?"""
            for n in range(40):
                trial.observe(wrong=n < {wrong if number == 0 else 2})
        '''
        for number in range(count)
    )


def test_a_clear_refutation_stands_and_blocks(both):
    both.write(family(3, 38, '"gate"'))
    result = both.run()
    assert result.ret == ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["family gate (holm): 3 claims*", "*REFUTED stands: *test_0*"])
    assert "not blocking, since" not in result.stdout.str()


def test_a_refutation_by_a_hair_falls_among_many_and_does_not_block(both):
    both.write(family(6, 18, '"gate"'))
    result = both.run()
    assert result.ret == ExitCode.OK
    result.stdout.fnmatch_lines(["*REFUTED falls: *test_0*", "not blocking, since no refutation stands*: 1"])
    assert {record.verdict.outcome for record in both.records()} == {"REFUTED", "VALIDATED"}


def test_without_a_family_nothing_is_corrected(project):
    project.write(family(6, 18, '""'))
    result = project.run()
    assert result.ret == ExitCode.TESTS_FAILED
    assert "corrected together" not in result.stdout.str()


def test_an_ordinary_failure_beside_a_fallen_refutation_still_fails(project):
    project.write(family(6, 18, '"gate"') + "\n        def test_ordinary():\n            assert False\n")
    assert project.run().ret == ExitCode.TESTS_FAILED


@pytest.mark.parametrize("how", ['"gate:bonferroni"', '":holm"', "3"])
def test_a_family_without_name_or_with_an_unknown_procedure_is_refused(project, how):
    project.write(family(1, 0, how))
    result = project.run()
    assert result.ret == ExitCode.INTERRUPTED
    assert "multiplicity is" in result.stdout.str()


@pytest.mark.parametrize("procedure", ["bh", "e-bh"])
def test_the_procedure_is_declared_with_the_name(project, procedure):
    project.write(family(2, 38, f'"gate:{procedure}"'))
    project.run().stdout.fnmatch_lines([f"family gate ({procedure}): 2 claims*"])


def test_an_ordinary_failure_is_not_excused_by_a_refutation_that_was_expected(project):
    project.write(
        family(6, 18, '"gate"').replace(
            "        @scenario", "        @pytest.mark.xfail(raises=Refuted)\n        @scenario", 1
        )
        + "\n        def test_ordinary():\n            assert 1 == 2\n"
    )
    assert project.run().ret == ExitCode.TESTS_FAILED


def test_an_error_beside_a_fallen_refutation_still_fails(project):
    project.write(
        family(6, 18, '"gate"').replace('rate("wrong") <= 0.3,', 'rate("wrong") <= 0.3, rate("typo") <= 0.3,', 1)
    )
    assert project.run().ret == ExitCode.TESTS_FAILED


def test_a_family_that_cannot_be_corrected_says_so_and_corrects_nothing(project):
    project.write(family(2, 38, '"gate:bh", budget=40'))
    result = project.run()
    assert result.ret == ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["family gate (bh) is not corrected: *"])
