# SPDX-License-Identifier: Apache-2.0
"""Families of verdicts: which stand when they are read together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.comparing.families import PROCEDURES, Family, Member, intersection_union
from ophamin.comparing.multiplicity import benjamini_hochberg, e_bh, holm
from ophamin.errors import ClaimError

OUTCOMES = ("VALIDATED", "REFUTED", "INCONCLUSIVE")


def validated(name, p=None, **fields):
    return Member(name, "VALIDATED", p_holds=p, p_fails=1.0, single_look=True, **fields)


def refuted(name, p=None, **fields):
    return Member(name, "REFUTED", p_holds=1.0, p_fails=p, single_look=True, **fields)


def undecided(name, **fields):
    return Member(name, "INCONCLUSIVE", p_holds=0.5, p_fails=0.5, single_look=True, **fields)


def row(report, name):
    return next(one for one in report.members if one.name == name)


def test_one_lucky_claim_of_twenty_does_not_stand():
    report = Family((validated("lucky", 0.04), *(undecided(str(i)) for i in range(19)))).report()
    assert (report.validated, report.refuted, report.count) == ((), (), 20)
    assert row(report, "lucky").adjusted == pytest.approx(0.8)
    assert row(report, "lucky").words == (
        "VALIDATED alone, not in its family: adjusted 0.8 > 0.05; planned with alpha=0.05/20 it would stand"
    )


def test_the_plan_that_is_proposed_does_stand():
    report = Family((validated("planned", 0.05 / 20), *(undecided(str(i)) for i in range(19)))).report()
    assert report.validated == ("planned",)
    assert row(report, "planned").words == "VALIDATED, and it stands in its family: adjusted 0.05 <= 0.05"


def test_refuted_claims_are_corrected_apart_at_beta():
    report = Family((validated("a", 0.02), refuted("b", 0.02, beta=0.1), refuted("c", 0.06, beta=0.1)), "holm").report()
    assert (report.alpha, report.beta) == (0.05, 0.05)
    members = (validated("a", 0.02, beta=0.1), refuted("b", 0.02, beta=0.1), refuted("c", 0.06, beta=0.1))
    report = Family(members).report()
    assert (report.alpha, report.beta) == (0.05, 0.1)
    assert (report.validated, report.refuted) == ((), ("b",))
    assert [one.adjusted for one in report.members] == [pytest.approx(0.06), pytest.approx(0.06), pytest.approx(0.12)]
    assert "beta=0.1/3" in row(report, "c").words


def test_a_dropped_claim_stays_in_the_count():
    dropped = Member("dropped", "INCONCLUSIVE")
    assert Family((validated("a", 0.03), validated("b", 0.04))).report().validated == ()
    assert Family((validated("a", 0.02), validated("b", 0.04))).report().validated == ("a", "b")
    report = Family((validated("a", 0.02), validated("b", 0.04), dropped)).report()
    assert report.validated == ()
    assert row(report, "dropped").words == "INCONCLUSIVE: there is no verdict to correct; it counts among the 3"


def test_evidence_for_a_verdict_that_was_not_given_lifts_no_other_claim():
    # small p-values of undecided claims (their units hang together, say) would carry the claim over in a step up
    doubtful = tuple(Member(f"d{i}", "INCONCLUSIVE", p_holds=1e-6, single_look=True) for i in range(3))
    assert Family((validated("a", 0.04), *doubtful), "bh").report().validated == ()
    assert Family((validated("a", 0.04), *(validated(one.name, 1e-6) for one in doubtful)), "bh").report().validated


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_claim_alone_keeps_its_verdict(procedure):
    # the p-value of a calibrated sequential test may lie above its level
    for member in (validated("a", 0.055), refuted("a"), validated("a")):
        report = Family((member,), procedure).report()
        assert [(one.stands, one.adjusted) for one in report.members] == [(True, None)]
        assert "no other claim" in report.members[0].words
        assert report.notes == ()


def test_an_exact_comparison_stands_and_makes_no_other_claim_easier_or_harder():
    exact = Member("exact", "REFUTED", certain=True, alpha=0.001)
    others = (validated("a", 0.03), validated("b", 0.3))
    report, without = Family((*others, exact), "holm").report(), Family(others, "holm").report()
    assert report.members[:2] == without.members
    assert (report.alpha, report.count, report.refuted) == (0.05, 2, ("exact",))
    assert report.notes[-1] == "outside the count: 1 of 3 claims, which compare exact values"
    assert "by chance" in row(report, "exact").words
    alone = Family((exact, Member("other", "INCONCLUSIVE", certain=True)), "bh").report()
    assert (alone.count, alone.refuted, alone.alpha) == (0, ("exact",), 0.001)
    assert alone.members[1].words == "INCONCLUSIVE: there is no verdict to correct"


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_verdict_without_a_value_does_not_stand_among_others(procedure):
    report = Family((validated("declared interval"), undecided("b")), procedure).report()
    assert report.validated == ()
    assert row(report, "declared interval").adjusted is None
    assert "use another method" in row(report, "declared interval").words


def test_the_smallest_of_different_levels_is_used_and_said():
    report = Family((validated("a", 0.004, alpha=0.01), validated("b", 0.006), validated("c", 0.03))).report()
    assert report.alpha == 0.01
    assert report.validated == ()
    assert "the claims declare alpha from 0.01 to 0.05; the smallest is used" in report.notes
    assert not any("beta from" in note for note in report.notes)


def test_the_promise_is_said_with_its_conditions():
    members = (validated("a", 0.01), validated("b", 0.2))
    notes = {procedure: Family(members, procedure).report().notes for procedure in PROCEDURES}
    assert notes["holm"] == (
        "Holm over 2 claims: the chance of any false VALIDATED is at most 0.05, however they depend",
        "Holm over 2 claims: the chance of any false REFUTED is at most 0.05, however they depend",
    )
    assert "independent or positively dependent" in notes["bh"][0]
    assert "a share of at most 0.05 of the REFUTED is false, however they depend" in notes["e-bh"][1]


def test_bh_with_a_sequential_claim_is_refused_and_the_ways_out_are_named():
    members = (validated("a", 0.01), Member("walked", "VALIDATED", p_holds=0.01))
    with pytest.raises(ClaimError, match=r"1 of 2 claims are looked at more than once, 'walked'.*Use holm, or e-bh"):
        Family(members, "bh")
    assert Family(members, "holm").report().validated == ("a", "walked")
    Family((validated("a", 0.01), Member("exact", "VALIDATED", certain=True)), "bh")


def test_e_bh_reads_current_e_values_and_not_p_values():
    members = (
        Member("strong", "VALIDATED", p_holds=1.0, log_e_holds=1000.0),
        Member("weak", "VALIDATED", p_holds=1e-9, log_e_holds=math.log(21.0)),
        Member("none", "VALIDATED", p_holds=1e-9),
        Member("bad", "REFUTED", log_e_fails=math.log(300.0)),
    )
    report = Family(members, "e-bh").report()
    assert (report.validated, report.refuted) == (("strong",), ("bad",))
    assert row(report, "weak").adjusted == pytest.approx(2 / 21)
    assert row(report, "bad").adjusted == pytest.approx(4 / 300)


MEMBERS = st.lists(
    st.builds(
        Member,
        name=st.just(""),
        outcome=st.sampled_from(OUTCOMES),
        p_holds=st.none() | st.floats(0.0, 0.1),
        p_fails=st.none() | st.floats(0.0, 0.1),
        log_e_holds=st.none() | st.floats(-10.0, 10.0),
        log_e_fails=st.none() | st.floats(-10.0, 10.0),
        single_look=st.just(True),
        alpha=st.sampled_from([0.01, 0.05]),
        beta=st.sampled_from([0.05, 0.2]),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(MEMBERS, st.sampled_from(PROCEDURES))
def test_what_stands_is_what_the_correction_of_the_given_verdicts_rejects(drawn, procedure):
    fields = ("outcome", "p_holds", "p_fails", "log_e_holds", "log_e_fails", "single_look", "alpha", "beta")
    members = tuple(Member(str(i), **{name: getattr(one, name) for name in fields}) for i, one in enumerate(drawn))
    report = Family(members, procedure).report()
    for outcome, side, level in (("VALIDATED", "holds", report.alpha), ("REFUTED", "fails", report.beta)):
        name = f"log_e_{side}" if procedure == "e-bh" else f"p_{side}"
        evidence = [getattr(one, name) if one.outcome == outcome else None for one in members]
        if procedure == "e-bh":
            correction = e_bh(evidence, level, logs=True)
        else:
            correction = {"holm": holm, "bh": benjamini_hochberg}[procedure](evidence, level)
        standing = report.validated if outcome == "VALIDATED" else report.refuted
        assert standing == tuple(str(i) for i, rejected in enumerate(correction.rejected) if rejected)
    assert all("\n" not in one.words and one.words.startswith(one.outcome) for one in report.members)
    assert all(not one.stands for one in report.members if one.outcome == "INCONCLUSIVE")


def test_a_gate_that_needs_all_promises_the_largest_alpha_without_correction():
    gate = intersection_union([validated("a", 0.05), validated("b", 0.01, alpha=0.01)])
    assert (gate.passed, gate.level) == (True, 0.05)
    assert gate.words == (
        "all 2 claims are VALIDATED; where all are needed no correction is: a false pass has a chance of at most 0.05"
    )


@pytest.mark.parametrize("other", [refuted("bad", 0.01), undecided("bad"), Member("bad", "INCONCLUSIVE", certain=True)])
def test_a_gate_that_needs_all_stays_shut_at_the_first_claim_that_is_not_validated(other):
    gate = intersection_union([validated("a", 0.001), other])
    assert not gate.passed
    assert gate.words.startswith("1 of 2 claims are not VALIDATED, 'bad' first; ")


def test_a_gate_over_exact_comparisons_cannot_pass_by_chance():
    assert intersection_union([Member("a", "VALIDATED", certain=True)]).level == 0.0


def test_a_gate_over_nothing_is_refused():
    with pytest.raises(ClaimError, match="would open whatever is true"):
        intersection_union([])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"outcome": "PASSED"}, "'PASSED' is no outcome"),
        ({"outcome": None}, "None is no outcome"),
        ({"p_holds": 1.5}, r"p_holds is 1\.5"),
        ({"p_fails": math.nan}, "p_fails is nan"),
        ({"log_e_holds": math.nan}, "log_e_holds is nan"),
        ({"log_e_fails": "1"}, "log_e_fails is '1'"),
        ({"alpha": 0.0}, r"alpha is 0\.0"),
        ({"beta": None}, "beta is None"),
    ],
)
def test_a_member_outside_its_range_is_refused(fields, says):
    with pytest.raises(ClaimError, match=says):
        Member(**{"name": "a", "outcome": "VALIDATED"} | fields)


@pytest.mark.parametrize(
    ("members", "procedure", "says"),
    [
        ((), "holm", "no claims"),
        ((undecided("a"), undecided("a")), "holm", "'a' stands twice"),
        ((undecided("a"),), "hochberg", "'hochberg' is no correction; .*e-bh"),
        ((undecided("a"),), None, "None is no correction"),
    ],
)
def test_a_family_that_cannot_be_corrected_is_refused(members, procedure, says):
    with pytest.raises(ClaimError, match=says):
        Family(members, procedure)
