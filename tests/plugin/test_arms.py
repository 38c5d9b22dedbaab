# SPDX-License-Identifier: Apache-2.0
"""Base against head: one record through both systems, in shuffled order, and the difference as a claim."""

from _pytest.config import ExitCode

PAIRED = '''
    from ophamin import difference

    def base(text):
        return {{"score": 0.5}}

    def head(text):
        return {{"score": {score}}}

    @scenario(
        "head is no worse than base",
        difference(mean("score", bounds=(0, 1)), "head", "base") >= {bar},
        corpus="sentences",
        substrates={{"base": base, "head": head}},
        budget=60,
    )
    def test_head(arms, stream):
        """Is head as good as base?"""
        for record in stream:
            results = arms.run(record)
            assert set(results) == {{"base", "head"}}
'''


def test_a_better_head_is_validated_from_pairs(both):
    both.write(PAIRED.format(score=0.9, bar=-0.01))
    assert both.run().parseoutcomes() == {"passed": 1}
    record = both.record()
    detail = record.evidence[0].detail
    assert record.verdict.observed_value == 0.4
    assert detail["n_rows"] == 2 * detail["n_units"] < 120
    assert "base=" in record.substrate_name
    assert "head=" in record.substrate_name


def test_a_worse_head_is_refuted(project):
    project.write(PAIRED.format(score=0.1, bar=-0.01))
    result = project.run()
    assert result.ret == ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["REFUTED*difference(score, head - base) -0.4*"])


def test_the_observations_say_which_arm_and_which_pair_a_row_is_of(project):
    project.write(PAIRED.format(score=0.9, bar=-0.01))
    project.run()
    (columns,) = project.tables()
    assert set(columns["m.arm"]) == {"base", "head"}
    pairs = list(zip(columns["m.pair"], columns["m.arm"], strict=True))
    assert len(pairs) == len(set(pairs))


def test_arms_without_substrates_say_how_to_declare_them(project):
    project.write('''
        @scenario("it is fine", rate("x") <= 0.5)
        def test_none(arms):
            """Is it fine?"""
    ''')
    result = project.run()
    assert result.ret == ExitCode.TESTS_FAILED
    assert "substrates={'base': ..., 'head': ...}" in result.stdout.str()


def test_one_system_given_twice_is_no_comparison(project):
    project.write('''
        from ophamin import difference

        @scenario(
            "the same is the same",
            difference(rate("success"), "head", "base") >= -0.1,
            corpus="sentences",
            substrates={"base": len, "head": len},
        )
        def test_same(arms, stream):
            """Is it the same?"""
            for record in stream:
                arms.run(record)
    ''')
    result = project.run()
    assert "two instances" in result.stdout.str()


def test_an_arm_that_raises_leaves_its_pair_out_and_is_reported(project):
    project.write(
        PAIRED.format(score=0.9, bar=-0.01).replace(
            'return {"score": 0.9}', 'return {"score": 0.9 if len(text) % 2 else 1 / 0}'
        )
    )
    result = project.run()
    assert result.parseoutcomes() == {"inconclusive": 1}
    detail = project.record().evidence[0].detail
    assert detail["errors"] > 0
    assert "ZeroDivisionError" in detail["first_error"]
