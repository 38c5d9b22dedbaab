# SPDX-License-Identifier: Apache-2.0
"""No environment value, home folder, user name or mail address enters a file of a session, wherever it was used."""

import gzip

import pytest

TOKEN = "tk-93f1-planted-4d21"
SETTING = "a value without a telling name"
USER = "zaphodb"
MAIL = "trillian@heart-of-gold.example"

SOURCE = '''
    import os
    from pathlib import Path

    from ophamin.seeing.substrate.function import FunctionSubstrate

    SECRET = ", ".join(
        [os.environ["PLANTED_TOKEN"], os.environ["PLANTED_SETTING"], str(Path.home()), os.environ["USER"], "{mail}"]
    )

    def broken(text):
        raise LookupError(f"refused: {{SECRET}}")

    {mark}
    @scenario({statement}, rate("wrong") <= 0.5{more})
    def test_secret({asks}):
        """Is it kept?"""
        {body}
'''


class Planted:
    """A project in whose surroundings every secret is planted."""

    def __init__(self, project):
        self.project = project
        self.path = project.path

    def run(self, body, *, mark="", statement='"few are wrong"', more="", asks="trial"):
        """Try one scenario, which leaves one record."""
        source = SOURCE.format(mail=MAIL, mark=mark, statement=statement, more=more, asks=asks, body=body)
        self.project.write(source)
        self.project.run()
        assert len(self.project.records()) == 1

    def found(self):
        """The secrets that stand in a file of a record, or in its path."""
        files = [path for path in (self.path / "proofs").rglob("*") if path.is_file()]
        assert {path.name for path in files} == {"PROOF.md", "observations.json.gz", "proof.json", "head.json"}
        parts = [path.relative_to(self.path).as_posix().encode() for path in files]
        parts += [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in files]
        text = b"\n".join(parts).decode("utf-8")
        return {secret for secret in (TOKEN, SETTING, USER, MAIL, str(self.path)) if secret in text}


@pytest.fixture
def planted(project, monkeypatch, tmp_path_factory):
    home = tmp_path_factory.mktemp("homes") / USER
    home.mkdir()
    for name, value in {"PLANTED_TOKEN": TOKEN, "PLANTED_SETTING": SETTING, "HOME": str(home), "USER": USER}.items():
        monkeypatch.setenv(name, value)
    return Planted(project)


BODIES = {
    "an exception": "raise LookupError(f'refused: {SECRET}')",
    "the reason of a skip": "pytest.skip(f'not with {SECRET}')",
    "an observed text": "[trial.observe(wrong=False, said=f'{SECRET} and more') for _ in range(40)]",
    "a path below the root": "raise LookupError(str(Path.cwd() / 'data' / 'prompts.jsonl'))",
}


@pytest.mark.parametrize("use", BODIES)
def test_t35_no_secret_is_in_a_file_that_was_used_in(planted, use):
    planted.run(BODIES[use])
    assert planted.found() == set()


def test_t35_no_secret_is_in_a_file_that_was_the_label_of_a_unit(planted):
    planted.run("[trial.observe(wrong=False, unit=f'{SECRET} {number}') for number in range(40)]", more=", unit='unit'")
    assert planted.found() == set()


def test_t35_no_secret_is_in_a_file_that_was_used_in_an_error_of_the_system(planted):
    planted.run("substrate.run_cycle(SECRET, {'key': SECRET})", more=", substrate=broken", asks="substrate")
    assert planted.found() == set()


def test_t35_no_secret_is_in_a_file_that_was_used_in_the_name_of_the_system(planted):
    more = ", substrate=FunctionSubstrate(len, name=f'model of {SECRET}')"
    planted.run("substrate.run_cycle('x')", more=more, asks="substrate")
    assert planted.found() == set()


def test_t35_no_secret_is_in_a_file_that_was_on_the_way_to_the_corpus(planted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("homes") / USER / MAIL / TOKEN
    folder.mkdir(parents=True)
    (folder / "prompts.jsonl").write_text('{"text": "one"}\n')
    body = "[trial.observe(wrong=False) for record in stream]"
    planted.run(body, more=f", corpus='jsonl:{folder}/prompts.jsonl'", asks="trial, stream")
    assert planted.found() == set()


def test_t35_no_secret_is_in_a_file_that_was_on_a_relative_way_to_the_corpus(planted):
    folder = planted.path / MAIL / TOKEN
    folder.mkdir(parents=True)
    (folder / "prompts.jsonl").write_text('{"text": "one"}\n')
    body = "[trial.observe(wrong=False) for record in stream]"
    planted.run(body, more=f", corpus='jsonl:{MAIL}/{TOKEN}/prompts.jsonl'", asks="trial, stream")
    assert planted.found() == set()


def test_t35_no_secret_is_in_a_file_that_was_a_parameter(planted):
    mark = "@pytest.mark.parametrize('case', [{'deep': [SECRET]}])"
    planted.run("trial.observe(wrong=False)", mark=mark, asks="trial, case")
    assert planted.found() == set()


def test_t35_no_secret_is_in_a_file_that_was_part_of_the_statement(planted):
    planted.run("trial.observe(wrong=False)", statement="f'few are wrong for {SECRET}'")
    assert planted.found() == set()


def test_t35_no_secret_is_in_a_file_that_was_the_name_of_an_observation(planted):
    planted.run("trial.observe(**{'wrong': False, SECRET: 1})")
    assert planted.found() == set()


def test_what_is_no_secret_is_kept(planted):
    planted.run("raise LookupError('no such answer')")
    assert "no such answer" in planted.project.record().evidence[0].detail["inconclusive"][0]
