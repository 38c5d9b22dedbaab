# SPDX-License-Identifier: Apache-2.0
"""Formulas: what they mean, and that nothing in them is executed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.measuring.pillars.effects.formula import FormulaError, parse_formula, parse_name


def terms(text):
    return [":".join(factor.label for factor in term) for term in parse_formula(text).terms]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("y ~ 1", [""]),
        ("y ~ a", ["", "a"]),
        ("y~a*b", ["", "a", "b", "a:b"]),
        ("y ~ a:b", ["", "a:b"]),
        ("y ~ (a + b)*c", ["", "a", "b", "c", "a:c", "b:c"]),
        ("y ~ a*b - a:b", ["", "a", "b"]),
        ("y ~ a*b - b:a", ["", "a", "b"]),
        ("y ~ 0 + a", ["a"]),
        ("y ~ a - 1", ["a"]),
        ("y ~ - 1 + a", ["a"]),
        ("y ~ a - 0", ["", "a"]),
        ("y ~ a + a + a:a", ["", "a"]),
        ("y ~ C(a):b + C", ["", "C(a):b", "C"]),
        ("y ~ t1.gauge.phi", ["", "t1.gauge.phi"]),
        ("y ~ größe", ["", "größe"]),
    ],
)
def test_a_formula_means_what_wilkinson_and_rogers_gave_it(text, meaning):
    assert terms(text) == meaning


def test_the_names_of_a_formula_are_its_columns():
    parsed = parse_formula("score.f1 ~ C(arm) * dose + dose:seed")
    assert (parsed.response, parsed.names) == ("score.f1", ("arm", "dose", "seed"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "y",
        "y ~",
        "~ a",
        "y ~ a +",
        "y ~ + ",
        "y ~ a b",
        "y ~ (a",
        "y ~ a)",
        "y ~ a ~ b",
        "1 ~ a",
        "C(y) ~ a",
        "y ~ 0",
        "y ~ 2",
        "y ~ a:1",
        "y ~ (1 + a)",
        "y ~ 1.5",
        "y ~ a**2",
        "y ~ a ^ 2",
        "y ~ a / b",
        "y ~ a | b",
        "y ~ 'a'",
        "y ~ Q('a')",
        "y ~ np.log(a)",
        "y ~ log(a)",
        "y ~ C(a, Sum)",
        "y ~ C(C(a))",
        "y ~ C(a",
        "y ~ a.",
        "y ~ a[0]",
        "y ~ a; b",
        "y ~ __import__('os').system('true')",
        "y ~ (lambda: 1)()",
        "y ~ -a",
        "y ~ y + a",
        "y ~ a\x00",
    ],
)
def test_what_lies_outside_the_grammar_is_refused(text):
    with pytest.raises(FormulaError):
        parse_formula(text)


def test_a_call_is_named_and_the_grammar_is_told():
    with pytest.raises(FormulaError, match=r"'log' is called; only C\(name\) may be"):
        parse_formula("y ~ log(a)")


def test_a_formula_cannot_be_made_to_explode():
    with pytest.raises(FormulaError, match="more than 64 terms"):
        parse_formula("y ~ " + "*".join("abcdefghijklmnop"))
    with pytest.raises(FormulaError, match="nests deeper"):
        parse_formula("y ~ " + "(" * 200 + "a" + ")" * 200)
    with pytest.raises(FormulaError, match="at most 500 characters"):
        parse_formula("y ~ " + "a" * 1000)


@given(st.text(max_size=40))
def test_any_text_is_either_a_formula_or_an_error_of_ours(text):
    try:
        parsed = parse_formula(text)
    except FormulaError:
        return
    for name in (parsed.response, *parsed.names):
        assert parse_name(name) == name


@pytest.mark.parametrize("name", ["", " a", "a b", "1a", "a..b", ".a", "a-b", None, 3])
def test_a_name_is_letters_digits_and_dots(name):
    with pytest.raises(FormulaError, match="is no column name"):
        parse_name(name)
