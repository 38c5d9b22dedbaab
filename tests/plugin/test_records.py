# SPDX-License-Identifier: Apache-2.0
"""The records of a session: where they lie, what they hold, and that each claim leaves one whatever happens."""

import gzip
import hashlib
import json

import pytest
from _pytest.config import ExitCode


def reasons(record):
    return record.evidence[0].detail["inconclusive"]


def broken(project, body, *, fixture=""):
    """One scenario that observes twice and then does not reach its end."""
    project.write(f'''
        @pytest.fixture
        def helper():
            {fixture or "return None"}

        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_broken(helper, trial):
            """Does it reach its end?"""
            trial.observe(wrong=False)
            trial.observe(wrong=True)
            {body}
    ''')


def test_a_record_lies_by_tier_scenario_and_id(both):
    both.write('''
        @scenario("few are wrong", rate("wrong") <= 0.5, tier="engineering", name="My [first] Scenario/../x")
        def test_answers(trial):
            """Are few wrong?"""
            for _ in range(40):
                trial.observe(wrong=False)
    ''')
    both.run()
    (proof,) = both.proofs()
    record = both.record()
    folder = both.path / "proofs" / "latest" / "engineering" / "my-first-scenario-x" / record.proof_id[:12]
    assert proof == folder / "proof.json"
    assert json.loads(proof.read_text())["proof_id"] == record.proof_id
    assert sorted(path.name for path in folder.iterdir()) == ["PROOF.md", "observations.json.gz", "proof.json"]


def test_no_file_but_those_of_records_is_left_in_the_folder(project):
    project.claims(right=0, wrong=36)
    project.run()
    names = {path.name for path in (project.path / "proofs").rglob("*") if path.is_file()}
    assert names == {"PROOF.md", "observations.json.gz", "proof.json", "head.json"}
    assert len(project.proofs()) == 2


def test_the_markdown_beside_a_record_tells_the_same(project):
    project.claims(wrong=36)
    project.run()
    (proof,) = project.proofs()
    text = (proof.parent / "PROOF.md").read_text(encoding="utf-8")
    record = project.record()
    assert text == record.to_markdown()
    assert [word for word in ("REFUTED", record.proof_id, "ask somebody else") if word not in text] == []


def test_the_observations_beside_a_record_are_those_it_names(project):
    project.claims(right=4)
    project.run()
    (proof,) = project.proofs()
    text = gzip.decompress((proof.parent / "observations.json.gz").read_bytes())
    assert project.record().evidence[0].detail["observations_sha256"] == hashlib.sha256(text).hexdigest()
    assert project.observations(proof)["m.wrong"] == [True] * 4 + [False] * 36


def test_two_scenarios_with_one_slug_have_folders_of_their_own(project):
    project.write(
        "".join(
            f'''
        @scenario("few are wrong", rate("wrong") <= 0.5, name="{name}")
        def test_{number}(trial):
            """Are few wrong?"""
            for _ in range(40):
                trial.observe(wrong=False)
        '''
            for number, name in enumerate(["Same name", "same-name", "same  name"])
        )
    )
    project.run()
    assert len(project.records()) == 3
    assert {proof.parent.parent.name for proof in project.proofs()} == {"same-name"}
    assert len({proof.parent for proof in project.proofs()}) == 3


def test_the_plan_is_stamped_before_the_body_runs_and_the_record_after(project):
    project.write('''
        from datetime import UTC, datetime

        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_answers(trial):
            """Are few wrong?"""
            trial.observe(wrong=False, at=datetime.now(UTC).isoformat())
    ''')
    project.run()
    record = project.record()
    (proof,) = project.proofs()
    (body,) = project.observations(proof)["m.at"]
    assert record.preregistration.preregistered_at < body < record.created_at


def test_a_body_that_raises_leaves_a_record_that_names_the_error(both):
    broken(both, 'raise LookupError("no such answer")')
    assert both.run().parseoutcomes() == {"failed": 1}
    record = both.record()
    assert (record.verdict.outcome, reasons(record)[0]) == (
        "INCONCLUSIVE",
        "the test body raised LookupError: no such answer",
    )
    assert record.evidence[0].detail["n_rows"] == 2


def test_a_body_that_skips_leaves_a_record(project):
    broken(project, 'pytest.skip("no model here")')
    result = project.run()
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"inconclusive": 1})
    assert reasons(project.record())[0] == "skipped: no model here"


def test_a_body_that_fails_on_purpose_leaves_a_record(project):
    broken(project, 'pytest.fail("not like this")')
    assert project.run().parseoutcomes() == {"failed": 1}
    assert reasons(project.record())[0] == "the test body raised Failed: not like this"


def test_a_setup_that_raises_leaves_a_record(both):
    broken(both, "pass", fixture='raise LookupError("no model")')
    result = both.run()
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"errors": 1})
    record = both.record()
    assert (record.verdict.outcome, reasons(record)[0]) == ("INCONCLUSIVE", "the setup raised LookupError: no model")
    assert record.evidence[0].detail["n_rows"] == 0


def test_a_setup_that_skips_leaves_a_record(project):
    broken(project, "pass", fixture='pytest.skip("no model here")')
    assert project.run().parseoutcomes() == {"skipped": 1}
    assert reasons(project.record())[0] == "skipped: no model here"


def test_a_broken_teardown_leaves_the_verdict(project):
    broken(project, "[trial.observe(wrong=False) for _ in range(40)]", fixture="yield; raise LookupError('no end')")
    assert project.run().parseoutcomes() == {"passed": 1, "errors": 1}
    assert project.record().verdict.outcome == "VALIDATED"


@pytest.mark.parametrize(
    ("body", "code"), [("raise KeyboardInterrupt", ExitCode.INTERRUPTED), ("pytest.exit('enough', 3)", 3)]
)
def test_a_session_that_is_interrupted_leaves_a_record(project, body, code):
    broken(project, body)
    assert project.run(no_reraise_ctrlc=True).ret == code
    assert project.record().verdict.outcome == "INCONCLUSIVE"
    assert reasons(project.record())[0].startswith("the test body raised ")


def test_an_earlier_sessions_records_are_removed(both):
    both.claims(right=0, wrong=36)
    both.run()
    first = {record.proof_id for record in both.records()}
    both.run("-k", "right")
    assert both.verdicts() == {"right": "VALIDATED"}
    assert not first & {record.proof_id for record in both.records()}
    folders = [path.name for path in (both.path / "proofs" / "latest" / "scientific").iterdir()]
    assert folders == ["test_claims-test_right"]


def test_nothing_but_records_is_removed(project, tmp_path_factory):
    latest = project.path / "proofs" / "latest"
    project.claims(right=0)
    project.run()
    (proof,) = project.proofs()
    outside = tmp_path_factory.mktemp("outside")
    kept = [
        latest / "notes.txt",
        latest / "scientific" / "notes.txt",
        proof.parent / "notes.txt",
        proof.parent.parent / "by-hand" / "proof.json",
        latest / "deep" / "er" / "0123456789ab" / "er" / "proof.json",
        outside / "proof.json",
        outside / "deep" / "0123456789ab" / "proof.json",
    ]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (latest / "scientific" / "linked").mkdir()
    (latest / "scientific" / "linked" / "0123456789ab").symlink_to(outside, target_is_directory=True)
    (latest / "linked").symlink_to(outside, target_is_directory=True)
    project.run()
    assert [path for path in kept if not path.is_file()] == []
    assert (latest / "scientific" / "linked" / "0123456789ab").is_symlink()
    assert (latest / "linked").is_symlink()
    assert not proof.exists()


def test_what_a_killed_session_left_is_removed(project):
    left = project.path / "proofs" / "latest" / "scientific" / "old" / ".ophamin-0123456789abcdef"
    left.mkdir(parents=True)
    (left / "observations.json.gz").write_bytes(b"")
    project.claims(right=0)
    project.run()
    assert not left.parent.exists()


HOOKS = """
    def pytest_ophamin_preregistered(item, preregistration):
        with open("seen.txt", "a") as seen:
            seen.write(f"preregistered {item.name} {preregistration.config_hash}\\n")

    def pytest_ophamin_recorded(item, record, path):
        assert path.is_file()
        with open("seen.txt", "a") as seen:
            seen.write(f"recorded {item.name} {record.preregistration.config_hash} {record.proof_id}\\n")
"""


def test_a_conftest_sees_each_plan_before_and_each_record_after(both):
    both.write(HOOKS, "conftest.py")
    both.write('''
        @scenario("both are good", rate("first") <= 0.5, rate("second") <= 0.5)
        def test_two(trial):
            """Are both good?"""
            with open("seen.txt", "a") as seen:
                seen.write("body\\n")
            for _ in range(40):
                trial.observe(first=False, second=False)
    ''')
    both.run()
    records = sorted(both.records(), key=lambda record: record.claim.threshold.metric)
    plans = [record.preregistration.config_hash for record in records]
    ids = [record.proof_id for record in records]
    assert (both.path / "seen.txt").read_text().splitlines() == [
        *[f"preregistered test_two {plan}" for plan in plans],
        "body",
        *[f"recorded test_two {plan} {one}" for plan, one in zip(plans, ids, strict=True)],
    ]
