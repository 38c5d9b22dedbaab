# SPDX-License-Identifier: Apache-2.0
"""The noise floor of a claim, and its file."""

from __future__ import annotations

import json
import math
import os
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.machine import machine_class, machine_fingerprint
from ophamin.errors import ClaimError, ObservationError, RecordWriteError
from ophamin.measuring import floor as module
from ophamin.measuring.floor import (
    Floor,
    FloorError,
    foreign,
    noise_floor,
    pairs_needed,
    read_floors,
    refuse_below,
    write_floor,
)

FIELDS = {
    "claim_digest": "0123456789abcdef" * 4,
    "scenario": "scenarios/test gate.py::Über",
    "statistic": "rate(ok)",
    "level": 0.5,
    "n_units": 200,
    "estimates": ((0.5, 0.625), (0.25, 0.75)),
    "machine": {"cpu": "Z80", "memory": "1 GiB"},
    "created_at": "2026-11-23T10:00:00.000000+00:00",
}
TEXT = """\
{
  "format": "ophamin-floor/1",
  "claim_digest": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  "scenario": "scenarios/test gate.py::\\u00dcber",
  "statistic": "rate(ok)",
  "level": 0.5,
  "n_units": 200,
  "estimates": [
    [
      0.5,
      0.625
    ],
    [
      0.25,
      0.75
    ]
  ],
  "machine": {
    "cpu": "Z80",
    "memory": "1 GiB"
  },
  "created_at": "2026-11-23T10:00:00.000000+00:00",
  "floor": 0.125,
  "n_pairs": 2,
  "machine_class": "dff029097d5b"
}
"""
NAME = "scenarios-test-gate-py-uber-0123456789ab.json"
SOME_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ESTIMATES = st.floats(-1e300, 1e300)


def a_floor(**changes):
    return Floor(**FIELDS | changes)


def at(value, n_pairs=40):
    """A floor of exactly this value at the level of 0.95."""
    return a_floor(level=0.95, estimates=((0.0, value),) * n_pairs)


def test_the_floor_is_the_quantile_of_the_distances_whichever_run_came_first():
    pairs = [(float(i), 0.0) if i % 2 else (-3.0, i - 3.0) for i in range(1, 101)]
    assert noise_floor(pairs).value == 95.0
    assert noise_floor(pairs, 0.5).value == 50.0
    assert noise_floor(pairs[::-1]).n_pairs == 100


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=20, max_size=60))
def test_it_is_numpys_inverted_distribution_function(pairs):
    distances = [abs(a - b) for a, b in pairs]
    for level in (0.5, 0.9, 0.95):
        assert noise_floor(pairs, level).value == np.quantile(distances, level, method="inverted_cdf")


def test_a_deterministic_system_has_a_floor_of_zero():
    assert noise_floor([(0.25, 0.25)] * 20).value == 0.0


@pytest.mark.parametrize("n", [0, 1, 19])
def test_too_few_pairs_give_no_number_but_the_reason(n):
    found = noise_floor([(0.5, 0.75)] * n)
    assert found.value is None
    assert found.n_pairs == n
    assert found.reason == f"the 0.95 quantile of distances needs at least 20 pairs of runs; there are {n}"
    assert noise_floor([(0.5, 0.75)] * 20).reason == ""


@settings(max_examples=200, deadline=None)
@given(st.floats(0.001, 0.9999))
def test_the_needed_number_is_the_first_whose_quantile_is_not_the_largest_distance(level):
    needed = pairs_needed(level)
    ranks = [(0.0, float(rank)) for rank in range(1, needed + 1)]
    assert noise_floor(ranks, level).value < needed
    assert needed == 2 or (needed - 2) / (needed - 1) < level


@pytest.mark.parametrize(("level", "needed"), [(0.95, 20), (0.9, 10), (0.99, 100), (0.999, 1000), (0.8, 5)])
def test_decimal_levels_need_round_numbers_of_pairs(level, needed):
    assert pairs_needed(level) == needed


@pytest.mark.parametrize("level", [0.0, 1.0, 95, math.nan, "0.95", None])
def test_a_level_outside_its_range_is_refused(level):
    with pytest.raises(ClaimError, match="between 0 and 1"):
        noise_floor([(0.0, 1.0)] * 20, level)


@pytest.mark.parametrize("pair", [(0.0, math.nan), (math.inf, math.inf), ("0", 1.0), (1e308, -1e308)])
def test_what_is_no_finite_distance_is_refused(pair):
    with pytest.raises(ObservationError, match="only finite numbers"):
        noise_floor([(0.0, 1.0)] * 20 + [pair])


@pytest.mark.parametrize(("n_pairs", "expected"), [(20, 2 / 21), (100, 6 / 101), (400, 21 / 401)])
@pytest.mark.parametrize("draw", ["normal", "lognormal"])
def test_about_one_in_twenty_new_pairs_of_the_same_system_lies_above_the_floor(n_pairs, expected, draw):
    rng = np.random.default_rng(20261121)
    runs = getattr(rng, draw)(size=(400, n_pairs, 2))
    floors = np.array([noise_floor(pairs).value for pairs in runs.tolist()])
    new = np.abs(np.subtract(*getattr(rng, draw)(size=(2, 400, 2000))))
    shares = (new > floors[:, None]).mean(axis=1)
    # the share above the r-th of n distances is Beta(n + 1 - r, r), whatever the distribution
    assert shares.mean() == pytest.approx(expected, abs=4.0 * shares.std() / math.sqrt(400))
    assert abs(shares.mean() - expected) < 0.02


def test_the_file_has_one_fixed_form(tmp_path):
    path = write_floor(tmp_path / "proofs" / "aa", a_floor())
    assert path == tmp_path / "proofs" / "aa" / NAME
    assert path.read_text("ascii") == TEXT


def test_what_was_written_is_read_back(tmp_path):
    floor = a_floor(machine=machine_fingerprint())
    write_floor(tmp_path, floor)
    floors = read_floors(tmp_path)
    assert dict(floors.by_claim) == {floor.claim_digest: floor}
    assert floors.problems == ()
    assert floor.machine_class == machine_class(machine_fingerprint())


@settings(max_examples=50, deadline=None)
@given(SOME_TEXT, st.lists(st.tuples(ESTIMATES, ESTIMATES)), st.dictionaries(SOME_TEXT, SOME_TEXT))
def test_every_floor_that_can_be_made_is_read_back(tmp_path_factory, scenario, pairs, machine):
    folder = tmp_path_factory.mktemp("aa")
    floor = a_floor(scenario=scenario, estimates=tuple(pairs), machine=machine)
    write_floor(folder, floor)
    assert read_floors(folder) == module.Floors({floor.claim_digest: floor})


def test_the_largest_floor_is_read_back(tmp_path):
    number = -1.2345678901234567e-300
    floor = a_floor(estimates=((number, number),) * module.MAX_PAIRS)
    assert write_floor(tmp_path, floor).stat().st_size <= module.MAX_BYTES
    assert read_floors(tmp_path).by_claim[floor.claim_digest] == floor


def test_a_new_floor_takes_the_place_of_the_old_one(tmp_path):
    write_floor(tmp_path, a_floor())
    newer = a_floor(estimates=((0.0, 1.0),) * 30)
    write_floor(tmp_path, newer)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert read_floors(tmp_path).by_claim[newer.claim_digest].floor == 1.0


def test_too_few_pairs_are_kept_as_undefined_and_not_as_zero(tmp_path):
    path = write_floor(tmp_path, a_floor(level=0.95))
    assert json.loads(path.read_text())["floor"] is None
    (floor,) = read_floors(tmp_path).by_claim.values()
    assert floor.floor is None
    assert "needs at least 20" in floor.noise.reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("claim_digest", "0123"), ("claim_digest", "A" * 64), ("claim_digest", None), ("scenario", 1),
        ("scenario", "\ud800"), ("statistic", None), ("level", 1.0), ("level", "0.95"), ("level", math.nan),
        ("n_units", 0), ("n_units", True), ("n_units", 1.0), ("n_units", 2**60), ("estimates", None),
        ("estimates", [(0.0, 1.0)]), ("estimates", ((0.0,),)), ("estimates", ((0.0, 1.0, 2.0),)),
        ("estimates", ((0.0, math.inf),)), ("estimates", ((0.0, "1"),)), ("estimates", ((1e308, -1e308),)),
        ("estimates", ((0.0, 1.0),) * 2001), ("machine", {"cpu": 1}), ("machine", "Z80"), ("created_at", "yesterday"),
        ("created_at", "2026-11-23T10:00:00"),
    ],
)  # fmt: skip
def test_a_field_outside_its_range_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=rf"^Floor\.{field}"):
        a_floor(**{field: value})


def test_a_floor_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        a_floor().level = 0.9


def test_a_floor_too_large_to_be_read_is_not_written(tmp_path):
    with pytest.raises(FloorError, match="the limit is 262144"):
        write_floor(tmp_path, a_floor(statistic="é" * 30_000, scenario="é" * 30_000))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_write_error(tmp_path):
    (tmp_path / "aa").write_text("a file")
    with pytest.raises(RecordWriteError):
        write_floor(tmp_path / "aa", a_floor())


def test_a_folder_that_is_not_there_holds_no_floor(tmp_path):
    assert read_floors(tmp_path / "none") == module.Floors()


def test_other_files_of_the_folder_are_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("# floors")
    (tmp_path / ".ophamin-0123").write_text("{")
    (tmp_path / "older").mkdir()
    assert read_floors(tmp_path) == module.Floors()


def changed(**changes):
    return json.dumps(json.loads(TEXT) | changes)


def without(name):
    return json.dumps({key: value for key, value in json.loads(TEXT).items() if key != name})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1, column 1"),
        (TEXT[:-5], "line"),
        ("[]", "no floor in the format ophamin-floor/1"),
        ("null", "no floor in the format"),
        (changed(format="ophamin-floor/2"), "no floor in the format"),
        (without("format"), "no floor in the format"),
        (without("machine"), "machine: missing"),
        (without("floor"), "floor: missing"),
        (changed(extra=1), "extra: unknown field"),
        (changed(floor=0.0625), "floor does not follow from the rest, which gives 0.125"),
        (changed(floor=None), "floor does not follow"),
        (changed(floor=[]), "floor does not follow"),
        (changed(level=0.95), "floor does not follow from the rest, which gives None"),
        (changed(n_pairs=20), "n_pairs does not follow from the rest, which gives 2"),
        (changed(estimates=[[0.0, 1.0]], level=0.5, n_pairs=True, floor=None), "n_pairs does not follow"),
        (changed(machine={"cpu": "6502"}), "machine_class does not follow"),
        (changed(machine={"cpu": 6502}), "machine: keys and values are text"),
        (changed(estimates=[[0.5, "0.6"]]), "estimates[0][1]"),
        (changed(estimates=[[0.5]]), "estimates[0][1]"),
        (changed(estimates={"a": 1}), "estimates: Input should be a valid tuple"),
        (changed(estimates=[[1e308, -1e308]] * 2), "only finite numbers"),
        (changed(claim_digest="../../etc"), "claim_digest: a digest is 64 hex digits"),
        (changed(created_at=0), "created_at"),
        (TEXT.replace("0.625", "NaN"), "NaN is not a JSON number"),
        (TEXT.replace("0.625", "1e999"), "beyond the largest float"),
        (TEXT.replace('"level": 0.5', '"level": 0.5, "level": 0.5'), "'level' stands twice"),
        ("[" * 100, "levels deep"),
        ("[" + "{}," * 50_000 + "{}]", "values; the limit is"),
        ("\0", "NUL"),
    ],
)
def test_a_broken_file_is_a_problem_with_its_name_and_reason_and_hides_no_other(tmp_path, text, says):
    (tmp_path / "broken.json").write_text(text)
    good = a_floor(claim_digest="f" * 64)
    write_floor(tmp_path, good)
    floors = read_floors(tmp_path)
    assert dict(floors.by_claim) == {good.claim_digest: good}
    (problem,) = floors.problems
    assert str(tmp_path / "broken.json") in problem
    assert says in problem


def test_a_file_that_is_too_large_a_folder_or_a_pipe_is_a_problem_and_nobody_waits(tmp_path):
    (tmp_path / "a.json").write_bytes(b" " * (module.MAX_BYTES + 1))
    (tmp_path / "b.json").mkdir()
    os.mkfifo(tmp_path / "c.json")
    (tmp_path / "d.json").symlink_to(tmp_path / "nowhere")
    floors = read_floors(tmp_path)
    assert not floors.by_claim
    for problem, says in zip(
        floors.problems, ("the limit is 262144", "a folder", "a pipe", "No such file"), strict=True
    ):
        assert says in problem


def test_a_second_file_of_one_claim_is_a_problem_and_the_first_counts(tmp_path):
    write_floor(tmp_path, a_floor(scenario="b"))
    write_floor(tmp_path, a_floor(scenario="a"))
    floors = read_floors(tmp_path)
    assert floors.by_claim[FIELDS["claim_digest"]].scenario == "a"
    (problem,) = floors.problems
    assert "b-0123456789ab.json: another file before it has the floor of this claim" in problem


def test_files_beyond_the_limit_are_named_as_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILES", 2)
    for digit in "abcde":
        write_floor(tmp_path, a_floor(claim_digest=digit * 64))
    floors = read_floors(tmp_path)
    assert sorted(floors.by_claim) == ["a" * 64, "b" * 64]
    assert floors.problems == (f"{tmp_path}: 5 files; the last 3 by name were not read",)


def test_a_folder_that_cannot_be_listed_is_a_problem(tmp_path):
    (tmp_path / "aa").write_text("a file")
    (problem,) = read_floors(tmp_path / "aa").problems
    assert "no floor was read" in problem
    assert read_floors(tmp_path / "a\0").problems


def test_problems_can_be_shown(tmp_path):
    (tmp_path / "a\x1b[2K.json").write_text(changed(**{"\x1b[1mVALIDATED\n": 1}))
    (tmp_path / "b\n.json").write_text(changed(format="\x1b"))
    problems = read_floors(tmp_path).problems
    assert len(problems) == 2
    assert all(problem.isprintable() for problem in problems)


@pytest.mark.parametrize(
    ("is_difference", "bar", "mde", "named"),
    [
        (False, 0.01, None, ""),
        (False, 0.01, 0.125, ""),
        (False, 0.9, 0.1, "mde=0.1 lies"),
        (False, 0.01, 0.0, "mde=0.0 lies"),
        (True, 0.0, None, ""),
        (True, 0.125, 0.125, ""),
        (True, -0.125, None, ""),
        (True, 0.1, None, "the bar 0.1 lies"),
        (True, -0.1, 0.125, "the bar -0.1 lies"),
        (True, 0.0, 0.1, "mde=0.1 lies"),
        (True, 0.1, 0.05, "the bar 0.1 and mde=0.05 lie"),
    ],
)
def test_what_lies_below_the_floor_is_refused_with_the_floor_and_the_way_out(is_difference, bar, mde, named):
    words = refuse_below(at(0.125), is_difference=is_difference, bar=bar, mde=mde)
    assert words == (
        f"{named} below the noise floor 0.125: 95 % of 40 pairs of runs of the same system, 200 units each, "
        "differ by up to that; declare at least 0.125, or more units and measure the floor anew"
        if named
        else ""
    )


def test_a_floor_that_is_not_known_or_zero_refuses_nothing():
    for floor in (at(0.125, n_pairs=19), at(0.0)):
        assert refuse_below(floor, is_difference=True, bar=1e-300, mde=1e-300) == ""


def test_a_claim_planned_at_the_usual_errors_is_seldom_refused():
    # a fixed plan of a mean with sigma / sqrt(n) = 1 finds mde = 2 * 1.645 with both errors at 0.05; from 20 pairs two
    # must differ by more than that, each with probability 0.02: 0.060 in all
    rng = np.random.default_rng(20261121)
    refused = [
        bool(refuse_below(a_floor(level=0.95, estimates=pairs), is_difference=False, bar=0.0, mde=2 * 1.6449))
        for pairs in (tuple(map(tuple, runs)) for runs in rng.normal(size=(1000, 20, 2)).tolist())
    ]
    assert np.mean(refused) == pytest.approx(0.060, abs=0.025)


def test_a_floor_of_another_machine_names_what_differs():
    floor = a_floor(machine={"cpu": "Z80", "memory": "1 GiB"})
    assert foreign(floor, {"memory": "1 GiB", "cpu": "Z80"}) == ()
    assert foreign(floor, {"cpu": "6502", "os": "cpm 2"}) == (
        "cpu: Z80 -> 6502", "memory: 1 GiB -> (not recorded)", "os: (not recorded) -> cpm 2",
    )  # fmt: skip
