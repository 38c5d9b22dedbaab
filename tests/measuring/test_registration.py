# SPDX-License-Identifier: Apache-2.0
"""What is claimed is written down before it is tried, and what is no longer what was written down is found."""

import copy
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin import mean, rate, scenario
from ophamin.measuring.lock_claims import changes_between
from ophamin.measuring.lock_diff import Diff, compare_locks
from ophamin.measuring.lock_fields import PARTS
from ophamin.measuring.lockfile import Amendment, Change, Lock, LockedClaim, LockError, lock_bytes, parse_lock
from ophamin.measuring.registration import LEVELS, Collected, check, level_of, register
from ophamin.measuring.scenarios.functions import declaration_of

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


def test_answers(trial):
    """Are the answers good enough?"""


test_answers.__test__ = False  # a scenario for the tests below, and no test of this file


def collected(*expectations, name="scenarios.test_models.test_answers", on=("",), corpus_digest=None, **given_here):
    """One scenario as it is collected: each of its claims, on each of its systems."""
    parameters = given_here.pop("parameters", None)
    declared = scenario(
        given_here.pop("statement", "few are wrong"), *(expectations or (rate("wrong") <= 0.1,)), **given_here
    )
    script = declaration_of(declared(test_answers)).compile(test_answers, name=name, parameters=parameters)
    return [Collected(plan, system, corpus_digest) for plan in script.plans for system in on]


def locked(*some, **given_here):
    return register(None, [one for few in some for one in few], today=MARCH, whole=True, **given_here)[0]


def kinds(findings):
    return [one.kind for one in findings.entries]


def edited(plan, path, value):
    """The plan with one part of its configuration replaced, whatever the rules between parts would say."""
    if path[0] == "settings":
        altered = copy.copy(plan.settings)
        object.__setattr__(altered, path[1], value)
        return replace(plan, settings=altered)
    about = {"method_note": "method"}.get(path[0], path[0])
    if about in {"name", "tier", "family", "goal", "explanation", "method", "if_refuted"}:
        return replace(plan, metadata=replace(plan.metadata, **{about: value}))
    return replace(plan, **{about: value})


def other_value(part, plan):
    """Another value of the same form."""
    value = plan.config
    for key in part.path:
        value = value[key]
    another = {
        "text": lambda: f"{value or ''} other",
        "number": lambda: (value or 0.0) + 0.25,
        "count": lambda: (value or 0) + 1,
        "flag": lambda: not value,
        "distance": lambda: (0.1, 0.2),
        "texts": lambda: ("other",),
        "table": lambda: {**(value or {}), "other": 1},
    }
    return another[part.form]()


PLAIN_PARTS = [part for part in PARTS if part.path]
WHOLE_TERMS = {"scenario", "parameters"}


# -- what became of a claim -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PLAIN_PARTS, ids=lambda part: ".".join(part.path))
def test_each_part_that_decides_moves_the_goalposts_the_body_does_not_and_prose_never(part):
    before = collected(parameters={"dose": 0.3})
    after = [replace(one, plan=edited(one.plan, part.path, other_value(part, one.plan))) for one in before]
    findings = check(locked(before), after, whole=True)
    if part.name in WHOLE_TERMS:  # another test, or other parameters of it: another claim
        assert sorted(kinds(findings)) == ["exploratory", "missing"]
    elif part.role == "decides":
        assert kinds(findings) == ["goalposts_moved"]
        (moved,) = findings.entries
        assert [change.field for change in moved.changes] == [part.name]
        assert moved.changes[0].old != moved.changes[0].new
    else:
        assert kinds(findings) == ["body_changed" if part.role == "body" else "reworded"]
    assert findings.blocks is (part.role == "decides")


def test_another_corpus_behind_the_same_rule_moves_the_goalposts():
    lock = locked(collected(corpus="sentences", corpus_digest="c" * 64))
    (moved,) = check(lock, collected(corpus="sentences", corpus_digest="d" * 64), whole=True).of("goalposts_moved")
    assert moved.changes == (Change("corpus_digest", "c" * 64, "d" * 64),)


def test_a_corpus_that_nobody_looked_at_is_not_compared_and_its_digest_is_kept():
    lock = locked(collected(corpus="sentences", corpus_digest="c" * 64))
    now = collected(corpus="sentences", corpus_digest=None)
    assert kinds(check(lock, now, whole=True)) == ["same"]
    again, diff = register(lock, now, today=APRIL, whole=True)
    assert again == lock
    assert not diff


def test_a_living_corpus_is_locked_by_its_selection_rule_alone():
    lock = locked(collected(corpus="sentences", corpus_digest=""))
    terms = lock.claims[0].terms
    assert (terms["corpus"]["name"], terms["corpus_digest"]) == ("sentences", "")
    assert kinds(check(lock, collected(corpus="sentences", corpus_digest=""), whole=True)) == ["same"]


def test_the_other_family_of_corrections_moves_the_goalposts():
    lock = locked(collected(multiplicity="safety"))
    (moved,) = check(lock, collected(multiplicity="safety:bh"), whole=True).of("goalposts_moved")
    assert moved.changes == (Change("multiplicity", "safety", "safety:bh"),)


@pytest.mark.parametrize(
    ("now", "fields"),
    [
        (rate("wrong") < 0.1, {"comparator", "h0", "h1"}),
        (rate("wrong") >= 0.1, {"comparator", "h0", "h1"}),
        (rate("wrong") <= 0.2, {"threshold", "h0", "h1"}),
        (rate("bad") <= 0.1, {"metric", "statistic", "operationalization", "h0", "h1"}),
        (
            mean("wrong", bounds=(0, 1)) <= 0.1,
            {"kind", "statistic", "options", "operationalization", "h0", "h1", "units"},
        ),
    ],
    ids=["strict", "other side", "other bound", "other metric", "other statistic"],
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_test_that_claims_something_else_has_moved_the_goalposts_even_where_only_it_was_collected(now, fields, whole):
    lock = locked(collected(rate("wrong") <= 0.1), collected(name="scenarios.other"))
    rest = collected(name="scenarios.other") if whole else []
    findings = check(lock, collected(now) + rest, whole=whole)
    (moved,) = findings.of("goalposts_moved")
    assert {change.field for change in moved.changes} == fields
    assert findings.blocks
    assert not findings.of("missing") + findings.of("exploratory")


def test_of_several_claims_of_one_test_the_one_about_the_same_statistic_is_the_moved_one():
    lock = locked(collected(rate("a") <= 0.1, rate("b") <= 0.1))
    findings = check(lock, collected(rate("b") >= 0.1, rate("c") <= 0.1), whole=True)
    pairs = {(one.was.terms["statistic"], one.now.terms["statistic"]) for one in findings.of("goalposts_moved")}
    assert pairs == {("rate(b)", "rate(b)"), ("rate(a)", "rate(c)")}


def test_a_claim_dropped_from_a_test_that_was_collected_is_missing_though_the_suite_is_not_whole():
    lock = locked(collected(rate("a") <= 0.1, rate("b") <= 0.1), collected(name="scenarios.other"))
    findings = check(lock, collected(rate("a") <= 0.1), whole=False)
    assert kinds(findings) == ["same", "missing"]
    assert findings.of("missing")[0].was.terms["statistic"] == "rate(b)"


def test_what_was_not_collected_is_missing_only_in_a_whole_suite():
    lock = locked(collected(), collected(name="scenarios.other"))
    assert kinds(check(lock, collected(), whole=False)) == ["same"]
    findings = check(lock, collected(), whole=True)
    assert sorted(kinds(findings)) == ["missing", "same"]
    assert findings.blocks
    assert check(lock, [], whole=False).entries == ()


def test_a_claim_that_is_not_in_the_lock_is_exploratory_and_blocks_nothing():
    findings = check(locked(collected()), collected() + collected(name="scenarios.new"), whole=True)
    assert sorted(kinds(findings)) == ["exploratory", "same"]
    assert not findings.blocks


def test_a_withdrawn_claim_that_is_here_again_is_said_to_be():
    lock, _ = register(locked(collected()), [], today=APRIL, reason="not ours", whole=True)
    findings = check(lock, collected(), whole=True)
    assert kinds(findings) == ["retired"]
    assert not findings.blocks
    assert "withdrawn, so that it is tried as exploratory" in findings.to_text()


def test_a_withdrawn_claim_does_not_stand_in_for_another_claim_of_its_test():
    lock, _ = register(
        locked(collected(rate("a") <= 0.1, rate("b") <= 0.1)),
        collected(rate("b") <= 0.1),
        today=APRIL,
        reason="no",
        whole=True,
    )
    findings = check(lock, collected(rate("a") <= 0.1), whole=True)
    assert sorted(kinds(findings)) == ["missing", "retired"]


def test_the_order_of_pillars_decides_nothing():
    before = [replace(one, plan=replace(one.plan, pillars=("a", "b"))) for one in collected()]
    after = [replace(one, plan=replace(one.plan, pillars=("b", "a"))) for one in collected()]
    assert kinds(check(locked(before), after, whole=True)) == ["reworded"]


def test_a_parameter_that_is_none_is_a_parameter():
    lock = locked(collected(parameters={"dose": None}))
    assert lock.claims[0].terms["parameters"] == {"dose": None}
    assert kinds(check(parse_lock(lock_bytes(lock)), collected(parameters={"dose": None}), whole=True)) == ["same"]
    assert kinds(check(lock, collected(), whole=False)) == ["exploratory"]


def test_a_claim_on_two_systems_is_one_claim_and_each_system_has_its_own_finding():
    lock = locked(collected(on=("mock", "kimera")))
    assert lock.claims[0].substrates == ("kimera", "mock")
    assert lock.expected_count == 2
    now = collected(on=("mock", "new"))
    findings = check(lock, now, whole=True)
    assert [findings.finding_of(one).kind for one in now] == ["same", "exploratory"]
    assert [(one.kind, set(one.substrates)) for one in findings.of("missing")] == [("missing", {"kimera"})]
    assert not check(lock, collected(on=("mock",)), whole=False).blocks
    assert "EXPLORATORY on new" in findings.to_text()


def test_a_claim_locked_without_a_system_is_exploratory_on_one():
    lock = locked(collected())
    findings = check(lock, collected(on=("mock",)), whole=True)
    assert sorted(kinds(findings)) == ["exploratory", "missing"]


def test_a_moved_claim_has_moved_on_every_system():
    lock = locked(collected(on=("mock",)))
    now = collected(rate("wrong") <= 0.2, on=("mock", "new"))
    findings = check(lock, now, whole=True)
    assert [findings.finding_of(one).kind for one in now] == ["goalposts_moved", "goalposts_moved"]


def test_a_claim_that_was_not_checked_has_no_finding():
    with pytest.raises(KeyError):
        check(Lock(), [], whole=True).finding_of(collected()[0])


@pytest.mark.parametrize(
    "some",
    [
        collected(rate("wrong") <= 0.1, rate("wrong") <= 0.2),
        collected(rate("wrong") <= 0.1, parameters={"m": len}) + collected(rate("wrong") <= 0.2, parameters={"m": len}),
    ],
    ids=["twice from one side", "parameters alike"],
)
def test_two_claims_that_cannot_be_told_apart_are_refused(some):
    with pytest.raises(LockError, match="cannot be told apart") as caught:
        check(Lock(), some, whole=True)
    assert caught.value.reason == "ambiguous"


@pytest.mark.parametrize(("path", "value"), [(("value",), "high"), (("settings", "budget"), 0.5), (("pillars",), (1,))])
def test_a_plan_that_no_lock_can_hold_is_refused(path, value):
    (one,) = collected()
    with pytest.raises(LockError, match=r"scenarios\.test_models\.test_answers: a part of the plan cannot be locked"):
        check(Lock(), [replace(one, plan=edited(one.plan, path, value))], whole=True)


def test_two_bounds_of_one_statistic_are_two_claims():
    assert len(locked(collected(rate("wrong").between(0.1, 0.2))).claims) == 2


# -- order never matters ----------------------------------------------------------------------------------------------

SUITE = [
    *collected(rate("a") <= 0.1, rate("b") >= 0.5, on=("mock", "kimera")),
    *collected(parameters={"dose": 1}),
    *collected(parameters={"dose": 2}),
    *collected(name="scenarios.other", mde=0.02),
]
LATER = [
    *collected(rate("c") <= 0.1, rate("b") <= 0.5, rate("d") <= 0.5, on=("kimera",)),
    *collected(parameters={"dose": 2}, alpha=0.01),
    *collected(parameters={"dose": 3}),
]


@given(st.permutations(SUITE), st.permutations(LATER))
@settings(max_examples=30)
def test_the_order_of_what_is_collected_never_matters(suite, later):
    lock = locked(suite)
    assert lock_bytes(lock) == lock_bytes(locked(SUITE))
    for whole in (True, False):
        assert check(lock, later, whole=whole) == check(lock, LATER, whole=whole)
        new, diff = register(lock, later, today=APRIL, reason="why", whole=whole)
        assert (new, diff) == register(lock, LATER, today=APRIL, reason="why", whole=whole)


@given(st.lists(st.sampled_from(SUITE + LATER), unique_by=lambda one: (one.claim.id, one.substrate)), st.booleans())
@settings(max_examples=50)
def test_what_was_just_registered_is_the_same(some, whole):
    lock, _ = register(locked(SUITE), some, today=APRIL, reason="why", whole=whole)
    findings = check(parse_lock(lock_bytes(lock)), some, whole=whole)
    assert not findings.blocks or not whole
    assert all(findings.finding_of(one).kind == "same" for one in some)
    assert register(lock, some, today=APRIL, whole=whole)[0] == lock


# -- registering ------------------------------------------------------------------------------------------------------


def test_new_claims_need_no_reason():
    lock, diff = register(locked(collected()), collected() + collected(name="scenarios.b"), today=APRIL, whole=True)
    assert [one.kind for one in diff.differences] == ["added"]
    assert diff.of("added") == diff.differences
    assert diff.of("retired") == ()
    assert (len(lock.claims), lock.amendments, lock.tombstones) == (2, (), ())


def test_a_changed_claim_needs_a_reason_and_becomes_an_amendment():
    old = locked(collected())
    now = collected(rate("wrong") <= 0.2)
    for empty in ("", "  \n"):
        with pytest.raises(
            LockError, match=r"changed: .*rate\(wrong\) <= 0.2; say why with --ophamin-reason"
        ) as caught:
            register(old, now, today=APRIL, reason=empty, whole=True)
        assert caught.value.reason == "reason_needed"
    lock, diff = register(old, now, today=APRIL, reason="the old one was\n a slip", whole=True)
    assert [one.kind for one in diff.differences] == ["amended"]
    (amendment,) = lock.amendments
    assert amendment == Amendment(
        old.claims[0].id,
        (
            Change("threshold", 0.1, 0.2),
            Change("h0", "rate(wrong) > 0.1", "rate(wrong) > 0.2"),
            Change("h1", "rate(wrong) <= 0.1", "rate(wrong) <= 0.2"),
        ),
        "the old one was a slip",
        APRIL,
    )
    assert parse_lock(lock_bytes(lock)) == lock


def test_what_disappeared_is_withdrawn_with_a_reason_where_the_whole_suite_was_collected():
    old = locked(collected(), collected(name="scenarios.b"))
    with pytest.raises(LockError, match=r"withdrawn: scenarios\.b: rate\(wrong\) <= 0\.1; say why"):
        register(old, collected(), today=APRIL, whole=True)
    lock, diff = register(old, collected(), today=APRIL, reason="merged into a", whole=True)
    assert [one.kind for one in diff.differences] == ["retired"]
    (stone,) = lock.tombstones
    assert (stone.claim, stone.reason, stone.date) == (diff.differences[0].was.id, "merged into a", APRIL)
    assert len(lock.claims) == 1


def test_what_was_not_collected_is_kept_where_the_suite_is_not_whole():
    old = locked(collected(), collected(name="scenarios.b"))
    assert register(old, [], today=APRIL, whole=False) == (old, Diff(count=2))


def test_a_withdrawn_claim_comes_back_with_a_reason_that_names_the_withdrawal():
    gone, _ = register(locked(collected()), [], today=MARCH, reason="not ours", whole=True)
    with pytest.raises(LockError, match="brought back: "):
        register(gone, collected(), today=APRIL, whole=True)
    lock, diff = register(gone, collected(), today=APRIL, reason="ours after all", whole=True)
    assert [(one.kind, one.by_hand) for one in diff.differences] == [("restored", False)]
    assert "LOCKED AGAIN" in diff.to_text()
    assert lock.tombstones == ()
    assert lock.amendments[0].changes == (Change("retired", "2026-03-01: not ours", None),)


def test_a_bound_cannot_be_moved_by_withdrawing_the_claim_and_registering_it_anew():
    gone, _ = register(locked(collected()), [], today=MARCH, reason="not ours", whole=True)
    with pytest.raises(LockError, match="brought back"):
        register(gone, collected(rate("wrong") <= 0.2), today=APRIL, whole=True)


def test_a_changed_body_and_changed_prose_need_no_reason_and_leave_no_amendment():
    for path, kind in ((("source_digest",), "body_changed"), (("goal",), "reworded")):
        now = [replace(one, plan=edited(one.plan, path, "a" * 64)) for one in collected()]
        lock, diff = register(locked(collected()), now, today=APRIL, whole=True)
        assert [one.kind for one in diff.differences] == [kind]
        assert lock.amendments == ()
        assert check(lock, now, whole=True).of("same")


def test_further_systems_need_no_reason_and_fewer_do():
    old = locked(collected(on=("mock",)))
    more, diff = register(old, collected(on=("mock", "kimera")), today=APRIL, whole=True)
    assert [one.kind for one in diff.differences] == ["extended"]
    with pytest.raises(LockError, match="changed: "):
        register(more, collected(on=("mock",)), today=APRIL, whole=True)
    assert register(more, collected(on=("mock",)), today=APRIL, whole=False)[0] == more
    less, diff = register(more, collected(on=("mock",)), today=APRIL, reason="too slow", whole=True)
    assert [one.kind for one in diff.differences] == ["amended"]
    assert less.amendments[0].changes == (Change("substrates", ("kimera", "mock"), ("mock",)),)
    assert parse_lock(lock_bytes(less)) == less


def test_a_bound_that_changed_sides_keeps_its_history_under_its_new_id():
    first = locked(collected(rate("wrong") <= 0.1))
    second, diff = register(first, collected(rate("wrong") >= 0.1), today=MARCH, reason="a slip", whole=True)
    assert [(one.kind, one.by_hand) for one in diff.differences] == [("amended", False)]
    third, _ = register(second, collected(rate("bad") >= 0.1), today=APRIL, reason="another", whole=True)
    assert [(one.kind, one.by_hand) for one in compare_locks(first, third).differences] == [("amended", False)]
    assert first.claims[0].id != second.claims[0].id != third.claims[0].id
    assert parse_lock(lock_bytes(third)) == third


def test_several_changes_are_counted_where_a_reason_is_missing():
    old = locked(collected(), collected(name="scenarios.b"), collected(name="scenarios.c"))
    with pytest.raises(LockError, match="and 2 more"):
        register(old, collected(rate("wrong") <= 0.2), today=APRIL, whole=True)


# -- two locks --------------------------------------------------------------------------------------------------------


def test_a_lock_edited_by_hand_is_found_beside_the_older_one():
    old = locked(collected(), collected(name="scenarios.b"), collected(name="scenarios.c"))
    held = {claim.terms["scenario"]: claim for claim in old.claims}
    moved = held["scenarios.b"]
    edit = LockedClaim({**moved.terms, "threshold": 0.9}, moved.substrates, moved.source_digest, moved.plan_digest)
    diff = compare_locks(old, Lock((edit, held["scenarios.c"])))
    assert [(one.kind, one.by_hand) for one in diff.differences] == [("amended", True), ("retired", True)]
    assert len(diff.by_hand) == 2
    assert "GOALPOSTS MOVED BY HAND, without a reason" in diff.to_text()


def test_an_old_amendment_explains_no_new_change():
    first, _ = register(locked(collected()), collected(alpha=0.01), today=MARCH, reason="stricter", whole=True)
    claim = first.claims[0]
    edit = LockedClaim({**claim.terms, "alpha": 0.5}, claim.substrates, claim.source_digest, claim.plan_digest)
    assert compare_locks(first, Lock((edit,), first.amendments)).by_hand
    again = Amendment(claim.id, (Change("alpha", 0.01, 0.5),), "laxer", APRIL)
    assert not compare_locks(first, Lock((edit,), (*first.amendments, again))).by_hand


def test_history_that_was_removed_is_counted():
    amended, _ = register(locked(collected()), collected(alpha=0.01), today=MARCH, reason="stricter", whole=True)
    gone, _ = register(amended, [], today=APRIL, reason="not ours", whole=True)
    diff = compare_locks(gone, Lock())
    assert (diff.lost_history, bool(diff)) == (2, True)
    assert "HISTORY LOST: 2" in diff.to_text()
    assert compare_locks(gone, gone) == Diff(count=0)


def test_a_claim_brought_back_by_hand_is_found():
    lock = locked(collected())
    gone, _ = register(lock, [], today=MARCH, reason="not ours", whole=True)
    diff = compare_locks(gone, lock)
    assert [(one.kind, one.by_hand) for one in diff.differences] == [("restored", True)]


@pytest.mark.parametrize("old", ["x", ("x",), {"x": 1}, 1, None])
def test_an_amendment_that_says_nonsense_about_ids_breaks_nothing(old):
    lock = locked(collected())
    odd = Lock(lock.claims, (Amendment("a", (Change("id", old, "a"),), "why", MARCH),))
    assert [one.kind for one in compare_locks(lock, odd).differences] == []


# -- what a registration is worth -------------------------------------------------------------------------------------


def claim_of(*expectations, **given_here):
    return collected(*expectations, **given_here)[0].claim


def test_levels_rise_from_nothing_to_a_witness():
    claim, lock = claim_of(), locked(collected())
    assert LEVELS == ("none", "declared", "base", "witnessed")
    assert level_of(claim, None, None) == "none"
    assert level_of(claim, Lock(), lock) == "none"
    assert level_of(claim, lock, None) == "declared"
    assert level_of(claim, lock, Lock()) == "declared"
    assert level_of(claim, lock, lock) == "base"
    assert level_of(claim, lock, lock, witnessed=["0" * 64]) == "base"
    assert level_of(claim, lock, lock, witnessed=[lock.digest]) == "witnessed"
    assert level_of(claim, lock, None, witnessed=[lock.digest]) == "declared"
    newer = locked(collected(), collected(name="scenarios.b"))
    assert level_of(claim, newer, lock, witnessed=[newer.digest]) == "base"


def test_a_threshold_and_its_lock_loosened_together_are_only_declared():
    before, after = locked(collected()), locked(collected(rate("wrong") <= 0.5))
    assert level_of(claim_of(rate("wrong") <= 0.5), after, before) == "declared"
    assert level_of(claim_of(rate("wrong") <= 0.5), before, before) == "none"


def test_a_changed_body_is_only_declared_until_it_is_merged():
    lock = locked(collected())
    (now,) = [replace(one, plan=edited(one.plan, ("source_digest",), "a" * 64)) for one in collected()]
    here, _ = register(lock, [now], today=APRIL, whole=True)
    assert level_of(now.claim, lock, lock) == "declared"
    assert level_of(now.claim, here, lock) == "declared"
    assert level_of(now.claim, here, here) == "base"


def test_a_body_that_could_not_be_read_is_only_declared():
    (now,) = [replace(one, plan=edited(one.plan, ("source_digest",), "")) for one in collected()]
    lock = locked([now])
    assert level_of(now.claim, lock, lock) == "declared"


def test_prose_does_not_lower_the_level():
    lock = locked(collected())
    (now,) = [replace(one, plan=edited(one.plan, ("goal",), "Better said?")) for one in collected()]
    assert level_of(now.claim, lock, lock) == "base"


def test_a_system_has_the_level_of_its_own_registration():
    before, here = locked(collected(on=("mock",))), locked(collected(on=("mock", "kimera")))
    claim = claim_of()
    levels = [level_of(claim, here, before, substrate=name) for name in ("mock", "kimera", "new", "")]
    assert levels == ["base", "declared", "none", "none"]


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_old_and_new_stand_side_by_side():
    findings = check(locked(collected()), collected(rate("wrong") <= 0.25, alpha=0.01), whole=True)
    assert findings.to_text(80).splitlines() == [
        "GOALPOSTS MOVED  test_answers-9a3d793859",
        "  claim     | scenarios.test_models.test_answers: rate(wrong) <= 0.25",
        "            | put it back, or register the change with a reason",
        "            | (--ophamin-register --ophamin-reason)",
        "            | locked                          | now",
        "  threshold | 0.1                             | 0.25",
        "  h0        | rate(wrong) > 0.1               | rate(wrong) > 0.25",
        "  h1        | rate(wrong) <= 0.1              | rate(wrong) <= 0.25",
        "  alpha     | 0.05                            | 0.01",
    ]


def test_a_registration_is_told_claim_by_claim():
    old = locked(collected(), collected(name="scenarios.b"))
    now = collected(mde=0.02, statement="hardly any are wrong") + collected(name="scenarios.c")
    _, diff = register(old, now, today=APRIL, reason="planned anew", whole=True)
    assert diff.to_text(72).splitlines() == [
        "ophamin.lock: 2 claims, 1 locked, 1 goalposts moved, 1 retired",
        "RETIRED  b-a5cfdde4e6",
        "  claim | scenarios.b: rate(wrong) <= 0.1",
        "LOCKED  c-dcf9b102f0",
        "  claim | scenarios.c: rate(wrong) <= 0.1",
        "GOALPOSTS MOVED  test_answers-9a3d793859",
        "  claim      | scenarios.test_models.test_answers: rate(wrong) <= 0.1",
        "             | locked                      | now",
        "  statement  | few are wrong               | hardly any are wrong",
        "  sequential | false                       | true",
        "  mde        | (none)                      | 0.02",
    ]


def test_nothing_is_said_where_all_is_as_it_was_locked():
    assert check(locked(collected()), collected(), whole=True).to_text() == ""


def test_a_bound_moved_in_its_last_digit_is_shown_to_the_last_digit():
    lock = locked(collected(rate("wrong") <= 0.1))
    text = check(lock, collected(rate("wrong") <= 0.10000000000000002), whole=True).to_text()
    assert "| 0.1 " in text
    assert "0.10000000000000002" in text


HOSTILE = [
    "::error::x",
    "\x1b[2Ja",
    "a\r\n::add-mask::x",
    "\u202eb",
    "x " * 60 + "::error:: y",
    "word" * 60,
    "| a | b |",
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("width", [1, 48, 100])
def test_foreign_text_stays_in_its_cell(hostile, width):
    before = collected(statement=hostile, name=hostile, unit=hostile, parameters={hostile: hostile})
    after = collected(statement=f"{hostile} {hostile}", name=hostile, unit="user", parameters={hostile: hostile})
    lock = locked(before)
    texts = [
        check(lock, after, whole=True).to_text(width),
        register(lock, after, today=APRIL, reason="why", whole=True)[1].to_text(width),
    ]
    for text in texts:
        assert not set("\x1b\r\u202e") & set(text)
        for line in text.splitlines():
            assert not line.lstrip().startswith("::")
            if line.startswith(" "):
                assert len(line) <= max(width, 48)
                assert line.lstrip().startswith(("claim ", "statement ", "unit ", "|"))


def test_what_changed_and_what_decides_are_the_same_table():
    """One function says what changed, for findings, registration, levels and two locks."""
    one, other = claim_of(), claim_of(rate("wrong") <= 0.2)
    assert [change.field for change in changes_between(one, other)] == ["threshold", "h0", "h1"]
    assert changes_between(one, one) == ()


def test_a_lock_compared_with_itself_is_like_one_compared_with_its_copy():
    whole = locked(collected(rate("wrong") <= 0.1))
    copy = Lock(whole.claims, whole.amendments, whole.tombstones)
    assert compare_locks(whole, whole) == compare_locks(whole, copy) == Diff(count=len(whole.claims))
