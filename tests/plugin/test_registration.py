# SPDX-License-Identifier: Apache-2.0
"""Plug-ins that a conftest.py registers: for its session, and for no longer."""

from _pytest.config import ExitCode

REGISTERS = """
    from ophamin.core.evidence import PillarEvidence
    from ophamin.seeing.corpus.base import Corpus, CorpusRecord
    from ophamin.seeing.substrate.mock import MockSubstrate

    class Numbers(Corpus):
        name = "numbers"

        def is_available(self):
            return True

        def records(self):
            return (CorpusRecord(str(number), str(number)) for number in range(20))

        def _compute_content_hash(self):
            return "0" * 64

        def _compute_count(self):
            return 20

    class Counting:
        pillar_name = "counting"
        library = "none"
        library_version = "1"

        def compute(self, cycle_results, records):
            return PillarEvidence("counting", "records", float(len(records)), "none", "1")

    def pytest_ophamin_register(registry):
        registry.register_corpus(Numbers)  # under its own name
        registry.register_substrate(MockSubstrate(seed=8), "mine")
        registry.register_pillar(Counting())
"""


def test_a_conftest_can_register_plug_ins_for_its_session(both):
    both.write(REGISTERS, "conftest.py")
    both.write('''
        PHI = mean("phi", bounds=(0, 2)) >= 0

        @scenario("phi is there", PHI, corpus="numbers", substrate="mine", pillars=["counting"], method="exact")
        def test_system(substrate, stream):
            """Is the system there?"""
            for record in stream:
                substrate.run_cycle(record.content)
    ''')
    assert both.run().parseoutcomes() == {"passed": 1}
    record = both.record()
    assert (record.datasets[0].name, record.substrate_git_commit) == ("numbers", "mock-0000008")
    assert [(row.pillar, row.statistic_value) for row in record.evidence[1:]] == [("counting", 20.0)]


def test_what_a_conftest_registers_is_gone_after_its_session(project):
    from ophamin import registry

    project.write(REGISTERS, "conftest.py")
    project.claims(right=0)
    before = registry.list_corpora(), registry.list_substrates(), registry.list_pillars()
    assert project.run().ret == ExitCode.OK
    assert (registry.list_corpora(), registry.list_substrates(), registry.list_pillars()) == before


def test_a_plug_in_that_takes_the_name_of_another_gives_it_back(project):
    from ophamin.registry import SUBSTRATES

    project.write(
        """
        from ophamin.seeing.substrate.mock import MockSubstrate

        def pytest_ophamin_register(registry):
            registry.register_substrate(MockSubstrate(seed=99), "mock")
    """,
        "conftest.py",
    )
    project.write('''
        @scenario("phi is there", mean("phi", bounds=(0, 2)) >= 0, substrate="mock")
        def test_system(substrate):
            """Is the system there?"""
            substrate.run_cycle("x")
    ''')
    project.run()
    assert project.record().substrate_git_commit == "mock-0000099"
    assert isinstance(SUBSTRATES.get("mock"), type)


def test_a_plug_in_that_is_none_is_a_usage_error(project):
    project.write(
        """
        def pytest_ophamin_register(registry):
            registry.register_substrate(object(), "nothing")
    """,
        "conftest.py",
    )
    project.claims(right=0)
    result = project.run()
    assert result.ret == ExitCode.USAGE_ERROR
    assert "pytest_ophamin_register" in result.stderr.str()
    assert "lacks git_commit" in result.stderr.str()
