# SPDX-License-Identifier: Apache-2.0
"""Threats that need no run: each attack fails, and would succeed were its defence switched off."""

import base64
import html
import json
import re
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from ophamin import rate, scenario
from ophamin.core import dsse, files, keyring, keys, strictjson
from ophamin.core.redaction import TextRedactor
from ophamin.core.signing import DEFAULT_SIGN_KEY
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.trust import verify_steps
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.verification import Code
from ophamin.trust.verify import verify_record

TESTS = Path(__file__).parent
NAMED = (1, 2, 3, *range(5, 24), 29, 34, 35)
"""Rows of the threat table whose defence is in this package; 40 is the matter of how it is built and published."""


def test_every_row_has_a_test_that_is_named_after_it():
    found = {
        int(number)
        for path in TESTS.rglob("test_*.py")
        for number in re.findall(r"^\s*def test_t(\d\d)_", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert sorted(set(NAMED) - found) == []


# -- 1: a record sealed with a key that everybody has ----------------------------------------------------------------


def a_record(statement="few are wrong"):
    def test_it(trial):
        """Is it right?"""

    script = declaration_of(scenario(statement, rate("wrong") <= 0.5)(test_it)).compile(test_it, name="a.b")
    trial = Trial(script, Situation("command", TESTS))
    trial.open()
    for number in range(40):
        trial.observe(wrong=number < 3)
    return trial.conclude()[0].record


def forged(tmp_path):
    """States of the steps and code of a record sealed with the default key, for a verifier that was given that key."""
    record = a_record().sign(DEFAULT_SIGN_KEY)
    (tmp_path / "proof.json").write_text(record.dumps(), encoding="ascii")
    policy = TrustPolicy.lenient()
    now = datetime.now(UTC)
    answer = verify_record(tmp_path, policy, commit=None, tree=None, now=now, secrets=[DEFAULT_SIGN_KEY])
    return {step.number: step.state for step in answer.steps}, answer.code


def test_t01_the_default_key_seals_nothing(tmp_path):
    assert forged(tmp_path)[1] is Code.KEY_PUBLIC


def test_t01_needs_its_defence(tmp_path, monkeypatch):
    monkeypatch.setattr(verify_steps, "PUBLIC_KEYS", ())
    monkeypatch.setattr(verify_steps, "SECRET_BYTES", 1)
    states, _ = forged(tmp_path)
    assert states[3] == "pass"


# -- 14: one key that signs twice ------------------------------------------------------------------------------------


def test_t14_needs_its_defence():
    """Signatures are not keys: whoever counts them takes two of one key for two."""
    signer = keys.generate_key()
    twice = dsse.Envelope(b"{}", dsse.IN_TOTO_TYPE, dsse.sign(b"{}", dsse.IN_TOTO_TYPE, [signer]).signatures * 2)
    assert len(twice.signatures) == 2
    with pytest.raises(dsse.EnvelopeError):
        dsse.verify(twice, [signer.public], threshold=2)


# -- 16: a key under which one signature fits every message ----------------------------------------------------------


NEUTRAL = bytes([1]) + bytes(31)
PEM = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n".format(
    base64.b64encode(bytes.fromhex("302a300506032b6570032100") + NEUTRAL).decode()
)


def ring_of_the_neutral_point():
    return keyring.RingKey(keys.read_public_key(PEM), frozenset({"seal"}))


def test_t16_the_neutral_point_is_no_key():
    with pytest.raises(keys.KeyPublicError):
        ring_of_the_neutral_point()


def test_t16_needs_its_defence_in_the_ring(monkeypatch):
    monkeypatch.setattr(keys, "is_small_order", lambda _raw: False)
    everyone = ring_of_the_neutral_point().public
    assert everyone.verify(NEUTRAL + bytes(32), b"VALIDATED")
    assert everyone.verify(NEUTRAL + bytes(32), b"REFUTED")


# -- 17: two texts for one meaning -----------------------------------------------------------------------------------


def test_t17_needs_its_defence():
    """The standard library alone takes both texts for the same bytes, and the last of two members of a name."""
    assert base64.b64decode("fR==") == base64.b64decode("fQ==")
    assert json.loads('{"outcome": "REFUTED", "outcome": "VALIDATED"}') == {"outcome": "VALIDATED"}
    with pytest.raises(strictjson.StrictJSONError):
        strictjson.loads(b'{"outcome": "REFUTED", "outcome": "VALIDATED"}')
    envelope = {"payloadType": dsse.IN_TOTO_TYPE, "payload": "fR==", "signatures": [{"sig": "AAAA"}]}
    with pytest.raises(dsse.MalformedEnvelopeError):
        dsse.parse_envelope(json.dumps(envelope).encode())
    dsse.parse_envelope(json.dumps({**envelope, "payload": "fQ=="}).encode())


# -- 18: JSON that is small and means much ---------------------------------------------------------------------------


MANY_VALUES = b"[" + b"[]," * 2_000_000 + b"0]"


def memory_for(data):
    tracemalloc.start()
    try:
        with pytest.raises(strictjson.StrictJSONError):
            strictjson.loads(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_t18_a_document_of_many_values_takes_little_memory():
    assert memory_for(MANY_VALUES) < 64 * 2**20


def test_t18_needs_its_defence(monkeypatch):
    monkeypatch.setattr(strictjson, "_check_shape", lambda *_: None)
    tracemalloc.start()
    try:
        strictjson.loads(MANY_VALUES)
        assert tracemalloc.get_traced_memory()[1] > 64 * 2**20
    finally:
        tracemalloc.stop()


# -- 20, 21: names that lead elsewhere, and names that are one -------------------------------------------------------


def places(folder, names, slug):
    """Where records of scenarios of these names would lie; the last part is the id of the record."""
    return [
        (folder / slug("scientific") / slug(name) / f"{number:012x}").resolve() for number, name in enumerate(names)
    ]


HOSTILE = ["x/../../../y", "..", "a\\..\\b", "C:evil", "CON", "-rf", "n" * 300, "nul\0byte", "/etc/passwd"]


def test_t20_no_name_leads_out_of_the_folder(tmp_path):
    for place in places(tmp_path, HOSTILE, files.slug):
        assert place.is_relative_to(tmp_path.resolve())
        assert len(place.relative_to(tmp_path.resolve()).parts) == 3


def test_t20_needs_its_defence(tmp_path):
    assert not all(place.is_relative_to(tmp_path) for place in places(tmp_path, ["x/../../../../y"], str))


def test_t21_two_names_that_look_alike_are_two_records(tmp_path):
    alike = ["Café", "Cafe\u0301", "café", "\u0421afe"]  # composed, decomposed, lower case, Cyrillic
    assert len(set(places(tmp_path, alike, files.slug))) == len(alike)


def test_t21_needs_its_defence(tmp_path):
    """Without the id of its content in its name, one would be written over the other."""
    alike = ["Café", "Cafe\u0301"]
    assert len({place.parent for place in places(tmp_path, alike, files.slug)}) == 1


# -- 22: a link in the place of a file -------------------------------------------------------------------------------


def test_t22_needs_its_defence(tmp_path):
    """A plain open writes through the link; ours replaces it."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "plain").symlink_to(victim)
    (tmp_path / "plain").write_bytes(b"{}")
    assert victim.read_bytes() == b"{}"
    victim.write_bytes(b"precious")
    (tmp_path / "ours").symlink_to(victim)
    files.write_atomic(tmp_path / "ours", b"{}")
    assert victim.read_bytes() == b"precious"


# -- 29: text of a record as a template ------------------------------------------------------------------------------


TEMPLATES = ["{{ 7*7 }}", "{0.__class__}", "${HOME}", "%(name)s", "{% raw %}", "<%= 7*7 %>"]


@pytest.mark.parametrize("text", TEMPLATES, ids=["jinja", "format", "shell", "percent", "block", "erb"])
def test_t29_a_template_in_a_record_stays_what_it_is(text):
    shown = MarkdownIt().render(a_record(f"the answer is {text}").to_markdown())
    assert text in html.unescape(shown)


def test_t29_needs_its_defence():
    import jinja2

    assert jinja2.Template(TEMPLATES[0]).render() == "49"
    assert "class" in TEMPLATES[1].format(object())


# -- 34: data that is code -------------------------------------------------------------------------------------------


CODE_FROM_DATA = "B301,B302,B307,B506,B102,B614"  # pickle, marshal, eval, yaml.load, exec, torch.load


def findings_of_bandit(path):
    command = [sys.executable, "-m", "bandit", "-q", "-r", "-f", "json", "-t", CODE_FROM_DATA, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TESTS.parent)
    return json.loads(done.stdout)["results"]


def test_t34_nothing_here_runs_data_as_code():
    found = {Path(one["filename"]).relative_to("src").as_posix() for one in findings_of_bandit(Path("src/ophamin"))}
    assert found <= {"ophamin/checks/pillar.py"}  # it unpickles what it has pickled itself, to see that one can


def test_t34_needs_its_defence(tmp_path):
    (tmp_path / "careless.py").write_text("import pickle\n\n\ndef read(data):\n    return pickle.loads(data)\n")
    assert [one["test_id"] for one in findings_of_bandit(tmp_path)] == ["B301"]


# -- 35: secrets -----------------------------------------------------------------------------------------------------


def test_t35_needs_its_defence():
    """What is known to be secret is marked; without the knowledge it would stay."""
    text = "failed for sesame-open-9f31 at 3"
    assert "sesame-open-9f31" in text
    assert "sesame-open-9f31" not in TextRedactor(values={"sesame-open-9f31": "<env:TOKEN>"}).redact(text)
