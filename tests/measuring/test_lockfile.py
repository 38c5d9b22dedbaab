# SPDX-License-Identifier: Apache-2.0
"""The lock is written the same each time, comes back whole, and what is wrong with it is named."""

import json
import os
import tomllib
from dataclasses import replace
from datetime import date
from math import inf, nan

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ophamin import rate, scenario
from ophamin.measuring.lock_claims import changes_between
from ophamin.measuring.lock_fields import PARTS, REQUIRED, TERMS, absent_terms, is_same, packed, read_term, unpacked
from ophamin.measuring.lock_lines import plain_tables
from ophamin.measuring.lock_text import END, MAX_LOCK_BYTES, line_of
from ophamin.measuring.lockfile import (
    LOCK_NAME,
    Amendment,
    Change,
    Lock,
    LockedClaim,
    LockError,
    Tombstone,
    lock_bytes,
    parse_lock,
    read_lock,
    write_lock,
)
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.settings import Settings

MARCH = date(2026, 3, 1)


def terms(**given_terms):
    held = absent_terms() | {
        "scenario": "scenarios.test_models.test_answers",
        "statement": "at most one answer in ten is wrong",
        "statistic": "rate(wrong)",
        "metric": "wrong",
        "kind": "rate",
        "comparator": "<=",
        "threshold": 0.1,
        "operationalization": "the share of units in which wrong is true",
        "h0": "rate(wrong) > 0.1",
        "h1": "rate(wrong) <= 0.1",
        "method": "auto",
        "alpha": 0.05,
        "beta": 0.05,
    }
    return held | given_terms


def claim(substrates=(), source="a" * 64, **given_terms):
    return LockedClaim(terms(**given_terms), substrates, source, "b" * 64)


LOCK = Lock(
    (
        claim(("kimera", "mock"), parameters={"dose": 0.3, "names": ["a", None], 'odd "key"': "json:x"}, budget=400),
        claim(corpus={"kind": "jsonl", "file": "data/a.jsonl"}, corpus_digest="c" * 64, pillars=("S.bootstrap {}",)),
    ),
    (
        Amendment(
            "test_answers-9a3d793859", (Change("threshold", 0.2, 0.1), Change("mde", None, 0.05)), "too lax", MARCH
        ),
    ),
    (Tombstone("test_old-0123456789", "a.test_old: rate(x) <= 1", "nobody needs it", MARCH),),
)

GOLDEN = """\
# The claims of this project, registered before they are tried. Review it like code.
# Written by pytest --ophamin --ophamin-register [--ophamin-reason "..."]; do not edit it by hand.
schema = 1

[[claim]]
id = "test_answers-77f4c7d34c"
scenario = "scenarios.test_models.test_answers"
statement = "at most one answer in ten is wrong"
statistic = "rate(wrong)"
metric = "wrong"
kind = "rate"
comparator = "<="
threshold = 0.1
operationalization = "the share of units in which wrong is true"
h0 = "rate(wrong) > 0.1"
h1 = "rate(wrong) <= 0.1"
method = "auto"
alpha = 0.05
beta = 0.05
budget = 400
substrates = [
    "kimera",
    "mock",
]
source_digest = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
plan_digest = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

[claim.parameters]
dose = 0.3
names = "json:[\\"a\\",null]"
"odd \\"key\\"" = "json:\\"json:x\\""

[[claim]]
id = "test_answers-9a3d793859"
scenario = "scenarios.test_models.test_answers"
statement = "at most one answer in ten is wrong"
statistic = "rate(wrong)"
metric = "wrong"
kind = "rate"
comparator = "<="
threshold = 0.1
operationalization = "the share of units in which wrong is true"
h0 = "rate(wrong) > 0.1"
h1 = "rate(wrong) <= 0.1"
method = "auto"
alpha = 0.05
beta = 0.05
pillars = [
    "S.bootstrap {}",
]
corpus_digest = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
source_digest = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
plan_digest = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

[claim.corpus]
file = "data/a.jsonl"
kind = "jsonl"

[[amendment]]
claim = "test_answers-9a3d793859"
date = 2026-03-01
reason = "too lax"

[amendment.old]
threshold = 0.2

[amendment.new]
mde = 0.05
threshold = 0.1

[[tombstone]]
claim = "test_old-0123456789"
label = "a.test_old: rate(x) <= 1"
date = 2026-03-01
reason = "nobody needs it"

# end of ophamin.lock
"""


def test_a_lock_is_written_to_the_byte_as_it_always_was():
    assert lock_bytes(LOCK).decode() == GOLDEN
    assert parse_lock(GOLDEN.encode()) == LOCK


def test_the_digest_of_a_lock_is_the_one_it_always_had():
    assert LOCK.digest == DIGEST
    assert parse_lock(b"# read again\r\n" + GOLDEN.replace("\n", "\r\n").encode()).digest == DIGEST


DIGEST = "4b07c4e0ac73a14532615f96c88c3cc3034b86a2503c33442e58964a00a88425"


def test_what_is_not_written_means_in_this_schema_what_it_always_meant():
    needed = {name for name, value in absent_terms().items() if value is REQUIRED}
    read = parse_lock(lock_bytes(Lock((claim(),)))).claims[0].terms
    assert {name: value for name, value in read.items() if name not in needed} == {
        "units": "", "sequential": False, "mde": None, "design": "threshold", "margin": None, "budget": None,
        "batch": 1, "boundaries": "ville", "min_samples": 1, "unit": None, "errors": "exclude", "error_budget": 0,
        "max_seconds": None, "order": "random", "load": "exclusive", "census": False, "multiplicity": "",
        "analysis": "", "pillars": (), "conditions": (), "corpus_digest": "", "corpus": {}, "options": {},
        "parameters": {},
    }  # fmt: skip


# -- every part of a plan has its place -------------------------------------------------------------------------------


def plan():
    def test_it(trial):
        """Does it hold?"""

    return declaration_of(scenario("it holds", rate("x") <= 0.1)(test_it)).compile(test_it, name="a.b").plans[0]


def test_every_part_of_a_plan_is_said_to_decide_to_be_the_body_or_to_tell():
    config = dict(plan().config)
    assert set(config["settings"]) == set(Settings().to_dict())
    flat = [(key,) for key in config if key != "settings"] + [("settings", key) for key in config["settings"]]
    assert sorted(part.path for part in PARTS if part.path) == sorted(flat)
    assert [part.path for part in PARTS if part.role == "body"] == [("source_digest",)]


def test_every_part_that_decides_has_a_key_of_its_own_in_the_lock():
    names = [part.name for part in PARTS if part.role == "decides"]
    assert all(names)
    assert len(set(names)) == len(names)
    assert not {"id", "substrates", "source_digest", "plan_digest"} & set(names)


def test_a_default_that_is_not_written_is_the_default_of_today():
    """Else each lock of today would spell it out; where it changes, `absent` stays and old locks keep their meaning."""
    now = Settings().to_dict()
    left_out = {part.path[1]: part.absent for part in PARTS if part.path[:1] == ("settings",)}
    written = {"method", "alpha", "beta"}
    assert {name: value for name, value in left_out.items() if name not in written} == {
        name: value for name, value in now.items() if name not in written
    }


# -- there and back ---------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.one_of(texts, numbers, st.booleans(), st.integers(-(2**53), 2**53))
plain = st.recursive(
    st.one_of(st.none(), scalars),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
FORMS = {
    "text": texts,
    "number": numbers,
    "count": st.integers(0, 2**53),
    "flag": st.booleans(),
    "distance": st.one_of(numbers, st.tuples(numbers, numbers)),
    "texts": st.lists(texts, max_size=3).map(lambda some: tuple(sorted(some))),
    "table": st.dictionaries(texts, plain, max_size=3),
}
ids = st.from_regex(r"[a-z0-9_-]{1,40}", fullmatch=True)
reasons = texts.filter(str.strip)
days = st.dates()


@st.composite
def claims(draw):
    names = draw(st.lists(st.sampled_from(sorted(set(TERMS) - {"comparator"})), max_size=6))
    held = {name: draw(FORMS[TERMS[name].form]) for name in names}
    held["comparator"] = draw(st.sampled_from([">=", "<=", ">", "<", "=="]))
    systems = tuple(sorted(draw(st.sets(texts.filter(bool), max_size=3))))
    return claim(systems, draw(st.sampled_from(["", "a" * 64])), **held)


changes = st.builds(
    Change,
    texts,
    st.one_of(scalars, st.lists(scalars, max_size=3).map(tuple), st.dictionaries(texts, plain, max_size=2)),
    st.one_of(st.none(), scalars, st.lists(plain, max_size=3).map(tuple)),
)
locks = st.builds(
    Lock,
    st.lists(claims(), max_size=3, unique_by=lambda one: one.id).map(tuple),
    st.lists(
        st.builds(
            Amendment, ids, st.lists(changes, max_size=3, unique_by=lambda one: one.field).map(tuple), reasons, days
        ),
        max_size=3,
    ).map(tuple),
    st.lists(
        st.builds(Tombstone, ids.map(lambda one: one + "-"), reasons, reasons, days),
        max_size=3,
        unique_by=lambda one: one.claim,
    ).map(tuple),
)


@given(locks)
def test_a_lock_comes_back_from_its_file_whole(lock):
    data = lock_bytes(lock)
    again = parse_lock(data)
    assert again == lock
    assert lock_bytes(again) == data
    assert again.digest == lock.digest


@given(locks, st.randoms())
@settings(max_examples=50)
def test_the_order_in_which_claims_are_given_is_not_in_the_file(lock, random):
    mixed = [list(lock.claims), list(lock.tombstones)]
    for some in mixed:
        random.shuffle(some)
    assert lock_bytes(Lock(tuple(mixed[0]), lock.amendments, tuple(mixed[1]))) == lock_bytes(lock)


@given(claims(), claims())
def test_two_locks_have_one_digest_only_if_they_say_the_same(one, other):
    same = Lock((one,)).to_document() == Lock((other,)).to_document()
    assert (Lock((one,)).digest == Lock((other,)).digest) is same


@pytest.mark.parametrize("name", list(TERMS))
def test_a_change_of_any_term_changes_the_digest(name):
    other = {"text": "<", "number": 0.3, "count": 7, "flag": True, "distance": 0.5, "texts": ("x",), "table": {"x": 1}}
    value = other[TERMS[name].form]
    assert Lock((claim(**{name: value}),)).digest != Lock((claim(),)).digest
    assert [change.field for change in changes_between(claim(), claim(**{name: value}))] == [name]


@given(st.one_of(scalars, st.lists(plain, max_size=3)))
@example("json:1")
def test_a_value_that_toml_has_no_form_for_comes_back(value):
    assert json.dumps(unpacked(packed(value)), sort_keys=True) == json.dumps(value, sort_keys=True)


def test_numbers_that_are_equal_are_not_the_same_parameter():
    assert not is_same("parameters", {"x": 1}, {"x": 1.0})
    assert not is_same("parameters", {"x": 0}, {"x": False})
    assert is_same("threshold", 0.0, -0.0)


# -- the quick reader and tomllib -------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "schema = 1", "a = 1", "a = -0", "a = 0.10", "a = 1e-05", "a = 1.5E3", "a = 1e999", "a = +1", "a = 1_000",
        "a = 01", "a = 0x1", "a = nan", "a = -inf", "a=1", "a =  1", "a = 1 ", " a = 1", "a = 1 # c", "a = true",
        "a = True", "a = 2026-02-28", "a = 2026-02-30", "a = 2026-02-28T10:00:00", 'a = "x"', "a = 'x'",
        'a = "\\"\\\\"', 'a = "\\n"', 'a = "\\u0041"', 'a = "x" "y"', 'a = "\x7f"', 'a = "\t"',
        'a = "é\u2028"', 'a = """x"""',
        "a = []", "a = [", "    1,", '    "x",', "  1,", "    1", "    [", "]", "],", "b = 2", "c.d = 1", '"a" = 1',
        "[[claim]]", "[[claim]] ", "[claim.x]", "[claim.y]", "[claim]", "[[amendment]]", "[amendment.x]", "[a]",
        "[[claim.x]]", "[claim.x.y]", "# c", "#\x01", "", " ", "\x0c", "x", "a", "= 1", "[[a]]", "claim = 1", "x = 1",
        "x = [", "a-b_1 = 12345678901234567", "y = {}", "a = 1.", "a = .5", "a = 1.e2", "[[]]", "ä = 1",
        "a = 123456789012345678901234567890",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12), st.sampled_from(["\n", "\n", "\n\n", "\r\n", "\r"]))
@settings(max_examples=400)
@example(["[[claim]]", "[[amendment]]", "[claim.x]", "a = 1"], "\n")
@example(["claim = [", "]", "[[claim]]"], "\n")
@example(["[[claim]]", "[claim.x]", "[claim.x]"], "\n")
@example(["[[claim]]", "x = 1", "[claim.x]"], "\n")
@example(["[[claim]]", "[claim.x]", "a = 1", "[[claim]]", "[claim.x]", "a = 1"], "\n")
def test_the_quick_reader_gives_what_tomllib_gives_or_gives_up(lines, end):
    text = end.join(lines)
    quick = plain_tables(text)
    if quick is not None:
        assert repr(quick) == repr(tomllib.loads(text))


def test_what_is_written_is_read_the_quick_way():
    odd = claim(threshold=1e-05, statement='"quoted" \\ and é', margin=(0.1, 2e20), parameters={"names": ["a", None]})
    text = lock_bytes(Lock((odd,), LOCK.amendments, LOCK.tombstones)).decode()
    assert plain_tables(text) == tomllib.loads(text)


@pytest.mark.parametrize("statement", ["'''", '"""', "a \"\"\" b ''' #", "\x01 makes it slow"])
def test_quotation_marks_in_a_text_are_no_text_over_several_lines(statement):
    lock = Lock((claim(statement=statement, parameters={"\x00": 1}),))
    assert plain_tables(lock_bytes(lock).decode()) is None
    assert parse_lock(lock_bytes(lock)) == lock


# -- bad input --------------------------------------------------------------------------------------------------------


def edited(old, new, count=1):
    assert GOLDEN.count(old) >= 1, old
    return GOLDEN.replace(old, new, count).encode()


CONFLICT = edited("threshold = 0.1\n", "<<<<<<< HEAD\nthreshold = 0.1\n=======\nthreshold = 0.2\n>>>>>>> feature\n")


FIRST, SECOND = "test_answers-77f4c7d34c", "test_answers-9a3d793859"
UNTIL_AMENDMENT = GOLDEN[: GOLDEN.index("[[amendment]]")].encode()
NO_LIST = f'schema = 1\nclaim = ["x"]\n{END}\n'.encode()
TWICE = edited("[[amendment]]", GOLDEN[GOLDEN.index("[[claim]]") : GOLDEN.rindex("[[claim]]")] + "[[amendment]]")


@pytest.mark.parametrize(
    ("data", "reason", "blamed", "message"),
    [
        (CONFLICT, "conflict", "<<<<<<< HEAD", "<<<<<<< was left by a merge; keep the tables of both sides"),
        (edited("[[claim]]", "=======\n[[claim]]"), "conflict", "=======", "======= was left by a merge"),
        (edited("[[claim]]", "||||||| base\r\n[[claim]]"), "conflict", "||||||| base", "delete the markers"),
        (edited("schema = 1", "schema = 2"), "schema", "schema = 2", "schema 2 is not known here, where 1 is read"),
        (b'schema = 2\nclaims = """\nnext year', "schema", "schema = 2", "install the ophamin that wrote it"),
        (edited("schema = 1", 'schema = "1"'), "schema", "schema", "not known here"),
        (edited("schema = 1", "schema = true"), "schema", "schema", "not known here"),
        (edited("schema = 1\n", ""), "schema", None, "no key 'schema = 1' stands at the top"),
        (GOLDEN[:1000].encode(), "half_written", GOLDEN[:1000].splitlines()[-1], "written by half"),
        (UNTIL_AMENDMENT, "half_written", 'kind = "jsonl"', "take it from git again"),
        (b"", "half_written", "", "written by half"),
        (edited(END, f"x{END}"), "half_written", f"x{END}", "the last line is not"),
        (edited("alpha = 0.05", "alpha = "), "syntax", "alpha = ", "no TOML: Invalid value"),
        (edited("alpha = 0.05", "alpha = 0.05\nalpha = 0.1"), "syntax", "alpha = 0.1", "no TOML: Cannot overwrite"),
        (edited("alpha = 0.05", "a.b.c = 0.05"), "syntax", "a.b.c", "a key of several parts"),
        (edited("[claim.parameters]", "[claim.parameters.dose]"), "syntax", ".dose]", "a key of several parts"),
        (edited('statement = "', 'statement = """'), "syntax", "statement", "text over several lines"),
        (edited("alpha = 0.05", f"alpha = {'9' * 5000}"), "syntax", "alpha", "more than 400 digits"),
        (edited("alpha = 0.05", f"alpha = {'[' * 5000}"), "syntax", None, "a number or a list that no lock has"),
        (edited("[[claim]]", "[[claims]]", 2), "unknown_field", None, "no table of a lock; did you mean 'claim'"),
        (edited("alpha = 0.05", "alfa = 0.05"), "unknown_field", "alfa", "'alfa' is unknown; did you mean 'alpha'"),
        (edited('label = "a', 'lable = "a'), "unknown_field", "lable", "'test_old-0123456789': the key 'lable'"),
        (edited("beta = 0.05\n", ""), "missing_field", "[[claim]]", "the key 'beta' is missing"),
        (edited(f'id = "{FIRST}"\n', ""), "missing_field", "[[claim]]", "claim 'number 1': the key 'id' is missing"),
        (edited('reason = "too lax"\n', ""), "missing_field", "[[amendment]]", "the key 'reason' is missing"),
        (edited(f'id = "{FIRST}"', 'id = "No id"'), "wrong_value", 'id = "No id"', "is no id of a claim"),
        (edited("threshold = 0.1", "threshold = nan"), "wrong_value", "= nan", "it is nan, and a finite number"),
        (edited("threshold = 0.1", "threshold = 1e999"), "wrong_value", "= 1e999", "it is inf"),
        (edited("threshold = 0.1", 'threshold = "1"'), "wrong_value", '= "1"', "it is '1', and a number belongs there"),
        (edited("threshold = 0.1", "threshold = true"), "wrong_value", "= true", "it is True, and a number"),
        (edited("budget = 400", "budget = 400.0"), "wrong_value", "budget", "it is 400.0, and a whole number"),
        (edited("budget = 400", "budget = 90071992547409930"), "wrong_value", "budget", "a whole number belongs"),
        (edited("budget = 400", f"budget = 0x{'f' * 300}"), "wrong_value", "budget", "it is of the type int"),
        (edited("method =", "sequential = 1\nmethod ="), "wrong_value", "sequential", "true or false belongs there"),
        (edited("method =", "margin = [1, 2, 3]\nmethod ="), "wrong_value", "margin", "it has 3 numbers"),
        (edited("method =", "pillars = 1\nmethod ="), "wrong_value", "pillars", "a list of texts belongs there"),
        (edited("method =", "corpus = 1\nmethod ="), "wrong_value", "corpus", "a table belongs there"),
        (edited('comparator = "<="', 'comparator = "!="'), "wrong_value", '"!="', "comparator '!=' is none of"),
        (edited("dose = 0.3", "dose = 2026-03-01"), "wrong_value", "[claim.parameters]", "a date has no JSON form"),
        (edited("dose = 0.3", "dose = [nan]"), "wrong_value", "[claim.parameters]", "not a finite number"),
        (edited("dose = 0.3", "dose = 0.4"), "wrong_value", f'id = "{FIRST}"', "so that one of the two was edited"),
        (edited('",null]"', '",null"'), "wrong_value", "[claim.parameters]", "json:"),
        (edited('    "mock"', "    1"), "wrong_value", "substrates", "it is 1, and a text"),
        (edited('    "mock"', '    "kimera"'), "wrong_value", "substrates", "stands twice"),
        (edited('"' + "a" * 64, '"' + "A" * 64), "wrong_value", "source_digest", "no SHA-256"),
        (edited('"' + "a" * 64 + '"', "1"), "wrong_value", "source_digest", "of the type int"),
        (edited('reason = "too lax"', 'reason = "  "'), "wrong_value", "reason", "no text that says something"),
        (edited("date = 2026-03-01", "date = 2026-03-01T10:00:00"), "wrong_value", "date", "no day"),
        (edited("date = 2026-03-01", 'date = "2026-03-01"'), "wrong_value", "date", "no day, such as"),
        (edited("[amendment.old]\nthreshold = 0.2", "old = 1"), "wrong_value", "old = 1", "is no table"),
        (edited("threshold = 0.2", "threshold = inf"), "wrong_value", "[amendment.old]", "old: "),
        (NO_LIST, "wrong_value", None, "write [[claim]]"),
        (edited("test_old-0123456789", SECOND), "duplicate", "[[tombstone]]", f"{SECOND!r} stands in line 33 too"),
        (TWICE, "duplicate", "[[claim]]", f"claim {FIRST!r} stands in line 5 too; keep one of the two"),
        (b"\xff" + GOLDEN.encode(), "encoding", "#", "not UTF-8"),
        (GOLDEN.encode() + b"\xe9", "encoding", "\ufffd", "save it as UTF-8"),
        (b"\xef\xbb\xbf" + GOLDEN.encode(), "syntax", "#", "no TOML"),
        (b"#" * (MAX_LOCK_BYTES + 1), "too_large", None, f"more than {MAX_LOCK_BYTES} bytes"),
        (b"\n" * 200_000, "too_large", None, "more than 131072 lines"),
        (edited("alpha = 0.05", f"alpha = [{'1,' * 140_000}]"), "too_large", None, "the limit is 131072"),
        (edited("alpha = 0.05", f"alpha = [{'{}' * 40_000}]"), "too_large", None, "the limit is 32768"),
    ],
)
def test_what_is_wrong_with_a_lock_is_named_with_its_line(data, reason, blamed, message):
    with pytest.raises(LockError) as caught:
        parse_lock(data)
    error = caught.value
    assert message in str(error)
    assert str(error).startswith("ophamin.lock: ")
    assert len(str(error)) < 600
    assert error.reason == reason
    assert (error.line is None) is (blamed is None)
    if error.line is not None:
        assert f"line {error.line}: " in str(error)
        assert blamed in [*data.decode(errors="replace").split("\n")][error.line - 1]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda text: text[: text.rindex("[[claim]]")], "written by half"),
        (lambda text: text.replace("schema = 1", "schema = 2"), "line 3: schema 2 is not known here"),
        (lambda text: text.replace("schema = 1\n", ""), "no key 'schema = 1' stands at the top"),
    ],
    ids=["cut between two tables", "next year's", "of no schema"],
)
def test_the_quick_reader_is_as_strict(broken, message):
    text = lock_bytes(Lock((claim(), claim(parameters={"dose": 1})))).decode()
    assert plain_tables(text) is not None
    with pytest.raises(LockError, match=message):
        parse_lock(broken(text).encode())


def test_what_would_cost_much_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(tomllib, "loads", lambda text: pytest.fail("parsed"))
    for costly in ("a." * 10**6, "[" * 10**5, "x = " + "1" * 10**6, "x = {" + "a={}," * 10**5):
        with pytest.raises(LockError):
            parse_lock(f"schema = 1\n{costly}\n{END}\n".encode())


def fault_of(data):
    """The lock, or why there is none; any other failure fails the test."""
    try:
        return parse_lock(data), None
    except LockError as error:
        return None, error


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_in_another_way(data):
    for one in (data, b"schema = 1\n" + data + b"\n" + END.encode()):
        read, error = fault_of(one)
        assert read is not None or "\n" not in str(error)


@given(st.integers(0, len(GOLDEN) - 1), st.text(st.characters(max_codepoint=0x2FF), max_size=3), st.integers(0, 3))
def test_an_edited_lock_is_refused_or_says_something_else(place, inserted, cut):
    text = GOLDEN[:place] + inserted + GOLDEN[place + cut :]
    read, error = fault_of(text.encode())
    assert read is None or parse_lock(lock_bytes(read)) == read
    assert error is None or error.line is None or 1 <= error.line <= text.count("\n") + 1


@pytest.mark.parametrize("hostile", ["x\x1b[2J", "a\u202eb", "::error::"])
def test_foreign_text_in_a_message_does_nothing(hostile):
    with pytest.raises(LockError) as caught:
        parse_lock(
            edited("alpha = 0.05", f'"{hostile}" = 1') if hostile.isprintable() else edited("alpha", f"{hostile}")
        )
    assert not set("\x1b\u202e\n\r") & set(str(caught.value))
    assert str(caught.value).startswith("ophamin.lock: ")


def test_an_error_of_two_claims_with_one_id_is_also_raised_where_no_file_is_read():
    with pytest.raises(LockError, match="stands twice"):
        Lock((claim(), claim()))


@pytest.mark.parametrize(
    ("table", "index", "key", "line"),
    [
        ("claim", 0, "", 5),
        ("claim", 0, "alpha", 18),
        ("claim", 1, "alpha", 46),
        ("claim", 1, "corpus", 55),
        ("amendment", 0, "new", 67),
        ("tombstone", 0, "no such key", 71),
        ("tombstone", 1, "", None),
        ("claim", 2, "alpha", None),
    ],
)
def test_a_key_is_found_in_its_own_table(table, index, key, line):
    assert line_of(GOLDEN, table, index, key) == line


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_lock_is_written_and_read_as_a_file(tmp_path):
    write_lock(tmp_path / LOCK_NAME, LOCK)
    assert read_lock(tmp_path / LOCK_NAME) == LOCK
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


def test_a_lock_that_cannot_be_written_leaves_the_old_one(tmp_path):
    (tmp_path / LOCK_NAME).write_bytes(GOLDEN.encode())
    with pytest.raises(LockError, match="half of a surrogate pair") as caught:
        write_lock(tmp_path / LOCK_NAME, Lock((claim(statement="\ud800"),)))
    assert caught.value.reason == "wrong_value"
    assert read_lock(tmp_path / LOCK_NAME) == LOCK


def test_a_lock_too_large_to_be_read_is_not_written():
    many = tuple(claim(parameters={"n": number}, statement="x" * 900) for number in range(5000))
    with pytest.raises(LockError) as caught:
        lock_bytes(Lock(many))
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("what", ["nothing", "folder", "link", "pipe", "parent is a file"])
def test_what_is_no_regular_file_is_not_read_as_a_lock(tmp_path, what):
    path = tmp_path / LOCK_NAME
    (tmp_path / "elsewhere").write_text(GOLDEN)
    if what == "folder":
        path.mkdir()
    elif what == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "parent is a file":
        path = tmp_path / "elsewhere" / LOCK_NAME
    with pytest.raises(LockError) as caught:
        read_lock(path)
    assert caught.value.reason == "unreadable"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LockError, match=r"was not written: .*; mend that") as caught:
        write_lock(tmp_path / "file" / LOCK_NAME, LOCK)
    assert caught.value.reason == "unwritable"


# -- claims -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in TERMS if name not in {"scenario", "statistic", "parameters"}])
def test_an_id_depends_on_what_is_claimed_about_and_not_on_what_is_claimed(name):
    other = {"text": "<", "number": 0.3, "count": 7, "flag": True, "distance": 0.5, "texts": ("x",), "table": {"x": 1}}
    assert claim(**{name: other[TERMS[name].form]}).id == claim().id


@pytest.mark.parametrize(
    "changed", [{"scenario": "a.b"}, {"statistic": "mean(x)"}, {"parameters": {"x": 1}}, {"comparator": ">="}]
)
def test_an_id_tells_claims_about_different_things_apart(changed):
    assert claim(**changed).id != claim().id


def test_an_id_is_a_readable_name_of_a_file():
    odd = claim(scenario="tests/Größe/../../x.test_[a]\u202e")
    assert odd.id.partition("-")[0] != ""
    assert all(char in "abcdefghijklmnopqrstuvwxyz0123456789-_" for char in odd.id)
    assert len(claim(scenario="x" * 500).id) <= 43


def test_a_run_leaves_one_decided_record_for_each_claim_and_system():
    assert LOCK.expected_count == 3
    assert Lock().expected_count == 0


def test_a_term_is_checked_wherever_it_comes_from():
    for value in (nan, inf, "1", True, None):
        with pytest.raises(ValueError, match="belongs there"):
            read_term("threshold", value)


def test_a_claim_cannot_be_changed():
    with pytest.raises(TypeError):
        LOCK.claims[0].terms["threshold"] = 0.5
    assert replace(LOCK.claims[0], substrates=()).terms == LOCK.claims[0].terms
