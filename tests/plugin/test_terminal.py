# SPDX-License-Identifier: Apache-2.0
"""What a session prints: the header line, the block of a failed claim, the table of verdicts."""

import re

import pytest
from _pytest.config import ExitCode

from ophamin import __version__

HOSTILE = "\x1b[2J\x1b[31mred \u202eevil\u2066 \x07 \x9b1m line\nbreak\r end \u2028"
ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def table(result):
    """The lines of the table of verdicts."""
    lines = result.outlines
    start = next(index for index, line in enumerate(lines) if re.fullmatch(r"-+ verdicts -+", line))
    end = next(index for index in range(start + 1, len(lines)) if lines[index].startswith("="))
    return lines[start + 1 : end]


def test_the_header_says_error_rates_gate_and_where_records_go(project):
    project.claims(right=0)
    result = project.run("--ophamin-inconclusive=fail", "--ophamin-dir=here")
    header = [line for line in result.outlines if line.startswith(("ophamin 0", "records:"))]
    assert header == [
        f"ophamin {__version__}: alpha=0.05, beta=0.05 unless declared; fails on inconclusive, refuted",
        "records: here, unsigned (L0): no key in CI",
    ]


def test_without_scenarios_no_table_is_printed(project):
    project.write("def test_plain(): pass", "test_plain.py")
    project.run().stdout.no_fnmatch_line("*verdicts*")


def test_the_block_of_a_refuted_claim_says_what_a_person_needs_to_know(project):
    project.claims(wrong=36)
    result = project.run()
    (record,) = project.records()
    evidence = record.evidence[0]
    result.stdout.fnmatch_lines(
        [
            "at most half of the answers of wrong are wrong",
            "*claim * rate(wrong) <= 0.5 fraction",
            f"*measured * rate(wrong) 0.9 [[]{evidence.ci_low:.3g}, {evidence.ci_high:.3g}] <= 0.5  n=40",
            "*decided by *exact_binomial*alpha=0.05, beta=0.05",
            "*if refuted * ask somebody else.",
            f"*record * proofs/latest/scientific/*/{record.proof_id[:12]}/proof.json",
        ]
    )
    result.stdout.no_fnmatch_line("*verdicts.py*")


def test_the_block_shows_every_refuted_claim_of_a_test(project):
    project.write('''
        @scenario("the answers are good", rate("wrong") <= 0.5, rate("late") <= 0.5)
        def test_answers(trial):
            """Are they good?"""
            for number in range(40):
                trial.observe(wrong=True, late=True)
    ''')
    result = project.run()
    result.stdout.fnmatch_lines(["*claim * rate(wrong) <= 0.5*", "*claim * rate(late) <= 0.5*"])


def test_the_summary_line_of_a_refuted_claim_begins_with_the_claim(project):
    project.claims(wrong=36)
    project.run().stdout.fnmatch_lines(["REFUTED test_claims.py::test_wrong - Refuted: at most half*"])


def test_the_table_has_the_refuted_first_and_every_claim(project):
    project.claims(right=0, wrong=36, open=20)
    lines = table(project.run())
    assert [line.split()[0] for line in lines if line[0] != " "] == ["REFUTED", "INCONCLUSIVE", "VALIDATED", "1"]
    counts = " ".join(" ".join(lines[-2:]).split())
    assert counts == "1 validated, 1 inconclusive, 1 refuted; 1 undecided, not blocking; records in proofs/latest"


def test_a_claim_of_the_table_stands_on_one_line_with_its_numbers(project):
    project.claims(right=4)
    assert table(project.run())[0] == "VALIDATED     rate(wrong) 0.1 [0.0349, 0.214] <= 0.5  n=40"


def test_a_blocking_inconclusive_claim_is_not_called_not_blocking(project):
    project.claims(open=20)
    assert table(project.run("--ophamin-inconclusive=fail"))[-1] == "1 inconclusive; records in proofs/latest"


def test_the_table_says_how_many_more_units_would_decide(project):
    project.claims(open=17)
    more = project.run()
    number = project.record().evidence[0].detail["more_units_would_decide"]
    assert number > 0
    assert f"about {number} more units would decide" in " ".join(" ".join(table(more)).split())


def test_many_validated_claims_are_counted_and_shown_with_v(project):
    project.claims(**{f"claim_{number:02}": 0 for number in range(26)}, wrong=36)
    short, long = table(project.run()), table(project.run("-v"))
    assert "26 VALIDATED, shown with -v" in short
    assert sum(line.startswith("VALIDATED") for line in short) == 0
    assert sum(line.startswith("VALIDATED") for line in long) == 26


def test_the_table_gives_the_beginning_of_the_records_id(project):
    project.claims(right=0)
    lines = table(project.run())
    assert f"{project.record().proof_id[:12]} test_claims.py::test_right" in [line.strip() for line in lines]


def test_v_gives_the_whole_test_and_the_path_of_the_record(project):
    project.claims(right=0)
    lines = [line.strip() for line in table(project.run("-v"))]
    (proof,) = project.proofs()
    assert "test_claims.py::test_right" in lines
    assert proof.relative_to(project.path).as_posix() in lines


LONG = f'''
    @pytest.mark.parametrize("case", ["{"long name of a case " * 10}"])
    @scenario("{"a very long statement " * 20}", rate("{"a_very_long_name_of_a_metric_" * 5}") <= 0.5)
    def test_{"with_a_very_long_name_" * 5}(trial, case):
        """Does it fit?"""
        for number in range(40):
            trial.observe({"a_very_long_name_of_a_metric_" * 5}=number % 2 == 0)
'''


@pytest.mark.parametrize("columns", [80, 60])
def test_every_line_of_the_table_fits_the_terminal(project, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    project.claims(right=4, wrong=36, open=17)
    project.write(LONG, "test_long.py")
    lines = table(project.run())
    assert len(lines) > 10
    assert [line for line in lines if len(line) > columns] == []


def test_hostile_text_is_made_visible(both):
    both.write(f'''
        HOSTILE = {HOSTILE!a}

        @pytest.mark.parametrize("case", [HOSTILE])
        @scenario(HOSTILE, rate("wrong" + HOSTILE, units=HOSTILE) <= 0.5)
        def test_refuted(trial, case):
            """Does it act?"""
            for number in range(40):
                trial.observe(**{{"wrong" + HOSTILE: True}})

        @scenario("it is skipped", rate("wrong") <= 0.5)
        def test_skipped(trial):
            """Does it act?"""
            pytest.skip(HOSTILE)
    ''')
    result = both.run("--color=no")
    assert result.ret == ExitCode.TESTS_FAILED
    assert [line for line in table(result) if ACTING.search(line)] == []
    block = [line for line in result.outlines if line.startswith(("  verdict", "  claim", "  measured"))]
    assert len(block) in {3, 6}  # where CI is set, pytest repeats the block in its summary
    assert [line for line in block if ACTING.search(line)] == []
    assert r"\x1b[2J\x1b[31mred \u202eevil\u2066" in block[1]


def test_a_hostile_file_name_is_made_visible_in_the_table(project):
    project.claims(file="test_\x1b[31m\u202e.py", right=0)
    lines = table(project.run("-v"))
    assert [line for line in lines if ACTING.search(line)] == []
    assert r"test_\x1b[31m\u202e.py::test_right" in " ".join(lines)


def test_hostile_text_out_of_the_body_is_made_visible_in_the_table(project):
    project.write(f'''
        @scenario("the system answers", rate("wrong") <= 0.5)
        def test_broken(trial):
            """Does it act?"""
            raise LookupError({HOSTILE!a})
    ''')
    lines = table(project.run())
    assert [line for line in lines if ACTING.search(line)] == []
    assert r"\x1b[2J" in " ".join(lines)


def test_colours_are_used_where_they_are_asked_for(project):
    project.claims(right=0, wrong=36, open=20)
    lines = project.run("--color=yes", "-v", "--ophamin-gate=none").outlines
    for word, colour in {"VALIDATED": 32, "REFUTED": 33, "INCONCLUSIVE": 33}.items():
        assert any(f"\x1b[{colour}m{word}" in line and "::" in line for line in lines)
    for word, colour in {"VALIDATED": 32, "REFUTED": 31, "INCONCLUSIVE": 33}.items():
        assert any(f"\x1b[{colour}m\x1b[1m{word}" in line for line in lines)
