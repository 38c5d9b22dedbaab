# SPDX-License-Identifier: Apache-2.0
import hashlib
import math
import sys
from array import array
from dataclasses import dataclass
from decimal import Decimal
from threading import Thread

import numpy as np
import pytest

from ophamin import estimate
from ophamin.core.shapes import CorpusRecord, CycleResult, MetricBundle, Tier1Metrics
from ophamin.errors import ObservationError
from ophamin.measuring.ledger import MAX_TEXT, Cycles, Ledger, Table, spoken


def cycle(raw=None, *, success=True, error=None, halt_mode=None, bundle=None):
    return CycleResult(0, success, raw or {}, halt_mode, error=error, metric_bundle=bundle)


def admitted(metric, *results, params=None, redact=str):
    ledger = Ledger([metric], redact=redact)
    for result in results:
        ledger.admit("in", params, result, 0.25)
    return ledger.table()


# -- where a metric is found ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "result", "params", "value"),
    [
        ("phi", cycle({"phi": 0.5}), None, 0.5),
        ("answer.blocked", cycle({"answer": {"blocked": True}}), None, True),
        ("a.b", cycle({"a.b": 1, "a": {"b": 2}}), None, 1),
        ("a.b", cycle({"a": 3}), None, None),
        ("t1.gauge.phi", cycle(bundle=MetricBundle(0, Tier1Metrics(gauges={"phi": 0.7}))), None, 0.7),
        ("t1.timer.load_ms.mean", cycle({"load_ms": 4}), None, 4.0),
        ("dose", cycle(), {"dose": 0.3}, 0.3),
        ("dose", cycle({"dose": 0.1}), {"dose": 0.3}, 0.1),
        ("phi", cycle({"phi": 0}), {"phi": 9}, 0),
        ("phi", cycle(), None, None),
    ],
)
def test_a_metric_is_a_key_a_dotted_path_a_parameter_or_a_bundle_key(metric, result, params, value):
    assert admitted(metric, result, params=params).column(metric) == [value]


def test_every_cycle_has_success_wall_time_and_the_digest_of_its_stimulus():
    table = admitted("phi", cycle(), cycle(success=False))
    assert table.column("success") == [True, False]
    assert table.column("wall_time_s") == [0.25, 0.25]
    assert table.column("stimulus") == [hashlib.sha256(b"in").hexdigest()[:16]] * 2


def test_an_observation_named_success_joins_that_of_the_cycles():
    ledger = Ledger(["success"])
    ledger.admit("a", None, cycle(success=False), 0.1)
    ledger.observe({"success": True})
    assert ledger.table().column("success") == [False, True]


def test_a_metric_that_nobody_carries_is_none_in_every_row():
    assert admitted("phi", cycle()).column("psi") == [None]


def test_names_are_those_that_a_row_carries():
    ledger = Ledger(["phi", "psi"])
    ledger.observe({"phi": 1})
    assert ledger.table().names == ["phi"]
    ledger.admit("a", None, cycle(), 0.1)
    assert ledger.table().names == ["phi", "success", "wall_time_s"]


def test_columns_stay_aligned_when_cycles_and_observations_mix():
    ledger = Ledger(["phi"])
    ledger.admit("a", None, cycle({"phi": 1}), 0.1)
    ledger.observe({"seen": True}, "a")
    ledger.admit("b", None, cycle({"phi": 2}), 0.2)
    ledger.observe({"late": "x", "phi": 3})
    table = ledger.table()
    assert table.columns == {
        "phi": [1, None, 2, 3],
        "seen": [None, True, None, None],
        "late": [None, None, None, "x"],
    }
    assert list(table.success) == [1, -1, 1, -1]
    assert [math.isnan(second) for second in table.seconds] == [False, True, False, True]


def test_a_cycle_that_cannot_be_read_leaves_no_half_row():
    ledger = Ledger(["phi", "t1.timer.ms.mean"])
    broken = cycle({"phi": 1}, bundle=MetricBundle(0, Tier1Metrics(timers={"ms": ["fast"]})))
    with pytest.raises(TypeError):
        ledger.admit("a", None, broken, 0.1)
    ledger.observe({"phi": 2})
    assert ledger.table().columns["phi"] == [2]


@pytest.fixture
def eager_threads():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_rows_from_several_threads_stay_whole(eager_threads):
    ledger = Ledger(["a", "b"])

    def work(number):
        for _ in range(1000):
            ledger.admit(str(number), None, cycle({"a": number, "b": number}), float(number))

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = ledger.table()
    assert table.n_rows == 4000
    assert table.columns["a"] == table.columns["b"] == list(table.seconds)


def test_only_the_named_metrics_are_kept_of_a_cycle():
    assert list(admitted("phi", cycle({"phi": 1, "text": "x" * 1000})).columns) == ["phi"]
    assert Ledger(["phi"]).kept is None


def test_cycles_are_kept_whole_where_a_score_reads_them():
    ledger = Ledger(keep_raw=True)
    result = cycle({"phi": 1})
    ledger.admit("a", None, result, 0.1)
    assert ledger.kept == [result]


def test_a_table_is_a_copy_that_later_rows_do_not_touch():
    ledger = Ledger(["phi"])
    ledger.admit("a", None, cycle({"phi": True}), 0.1)
    table = ledger.table()
    ledger.admit("b", None, cycle({"phi": False}), 0.1)
    assert (table.columns["phi"], len(table.success), len(table.stimuli)) == ([True], 1, 1)


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (cycle(error="no answer"), "no answer"),
        (cycle(halt_mode="adapter_error"), "adapter_error"),
        (cycle(error=""), "no reason given"),
        (cycle(error=ValueError("odd")), "odd"),
    ],
)
def test_an_error_is_kept_with_its_reason(result, error):
    assert admitted("phi", result).errors == {0: error}


def test_success_false_alone_is_an_outcome_and_no_error():
    assert admitted("phi", cycle({"phi": 1}, success=False)).errors == {}


HUGE = pytest.param(10**5000, id="more digits than Python prints")


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**60, HUGE, {"a": 1}, [1, 2], Decimal(1), b"x"])
def test_a_raw_value_that_cannot_be_used_makes_its_row_an_error(value):
    table = admitted("phi", cycle({"phi": 0.5}), cycle({"phi": value}))
    assert table.columns["phi"] == [0.5, None]
    assert list(table.errors) == [1]
    assert table.errors[1].startswith("phi is ")


def test_the_error_of_a_cycle_is_not_overwritten_by_its_odd_value():
    assert admitted("phi", cycle({"phi": math.nan}, error="broke")).errors == {0: "broke"}


def test_a_list_that_holds_itself_is_an_error_and_no_endless_walk():
    value = [1, 2, 3]
    value[0] = value
    assert list(admitted("phi", cycle({"phi": value})).errors) == [0]


def test_redaction_reaches_errors_texts_and_unit_labels():
    def redact(text):
        return text.replace("/home/ann", "~")

    table = admitted("who", cycle({"who": "/home/ann"}), cycle(error="lost /home/ann/x"), redact=redact)
    assert (table.columns["who"], table.errors) == (["~", None], {1: "lost ~/x"})


def test_two_labels_that_redaction_makes_alike_stay_two_units():
    table = admitted(
        "who", *(cycle({"who": who}) for who in ("ann", "bob", "ann", "<user>", "<user> #2")), redact=lambda _: "<user>"
    )
    labels = table.columns["who"]
    assert labels[0] == labels[2] == "<user>"
    assert len(set(labels)) == 4


def test_a_label_that_looks_like_a_numbered_one_is_no_other_unit():
    redact = {"ann": "x", "bob": "x", "x #2": "x #2"}.get
    labels = admitted("who", *(cycle({"who": who}) for who in ("x #2", "ann", "bob")), redact=redact).columns["who"]
    assert len(set(labels)) == 3


def test_a_long_error_is_cut():
    (text,) = admitted("phi", cycle(error="x" * 10**6)).errors.values()
    assert len(text) == MAX_TEXT


def test_half_a_surrogate_pair_is_spelled_out():
    assert spoken("a\ud800b", str) == "a\\ud800b"
    assert admitted("phi", cycle({"phi": "\udfff"})).columns["phi"] == ["\\udfff"]


# -- what may be observed ---------------------------------------------------------------------------------------------


@dataclass
class Reading:
    value: object
    low: object
    high: object


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("text", "text"),
        (2**53, 2**53),
        (estimate(0.5, 0.25, 0.75), [0.5, 0.25, 0.75]),
        (Reading(np.float32(0.5), np.float64(0.25), 1), [0.5, 0.25, 1]),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(0.5), 0.5),
    ],
)
def test_an_observation_is_kept_as_a_plain_value(given, kept):
    ledger = Ledger()
    ledger.observe({"x": given})
    (value,) = ledger.table().columns["x"]
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    "value",
    [
        None,
        math.nan,
        math.inf,
        2**53 + 1,
        {"a": 1},
        [1, 2],
        [1, 2, "3"],
        np.array([1.0]),
        object(),
        1j,
        b"x",
        Reading(0.5, math.nan, 1.0),
        Reading("a", "b", "c"),
    ],
)
def test_an_observation_that_cannot_be_used_is_refused_by_name_and_leaves_no_row(value):
    ledger = Ledger()
    with pytest.raises(ObservationError, match=r"^x is "):
        ledger.observe({"ok": 1, "x": value})
    assert len(ledger) == 0
    assert ledger.table().columns == {}


# -- stimuli ----------------------------------------------------------------------------------------------------------


def digest_of(stimulus):
    ledger = Ledger()
    ledger.admit(stimulus, None, cycle(), 0.1)
    return ledger.table().stimuli[0]


def sha(data):
    return hashlib.sha256(data).hexdigest()[:16]


class Awkward:
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("stimulus", "digest"),
    [
        ("héllo", sha("héllo".encode())),
        ("\ud800", sha(b"\xed\xa0\x80")),
        (CorpusRecord("id", "hello"), sha(b"hello")),
        (b"hello", sha(b"hello")),
        (bytearray(b"hello"), sha(b"hello")),
        (array("b", [1, 2]), sha(b"\x01\x02")),
        ({"b": 1, "a": [2.5, None]}, sha(b'{"a":[2.5,null],"b":1}')),
        (("a", 1), sha(b'["a",1]')),
        (7, sha(b"7")),
        (np.arange(3, dtype="int8"), sha(b"\x00\x01\x02")),
        (None, ""),
        (object(), ""),
        (Awkward(), ""),
        (np.array([object()]), ""),
    ],
)
def test_a_stimulus_is_named_by_what_it_holds(stimulus, digest):
    assert digest_of(stimulus) == digest


def test_equal_mappings_have_one_digest_whatever_their_order():
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


def test_long_arrays_that_print_alike_are_told_apart():
    one, other = np.zeros(5000), np.zeros(5000)
    other[2500] = 1
    assert str(one) == str(other)
    assert digest_of(one) != digest_of(other)


def test_a_stimulus_that_is_changed_afterwards_keeps_the_digest_of_what_was_put_in():
    ledger, stimulus = Ledger(), [1]
    ledger.admit(stimulus, None, cycle(), 0.1)
    stimulus.append(2)
    assert ledger.table().stimuli == [sha(b"[1]")]


def test_digests_keep_their_order_over_the_size_of_a_chunk():
    ledger = Ledger()
    for number in range(5000):
        ledger.observe({"x": number}, None if number % 2 else str(number))
    stimuli = ledger.table().stimuli
    assert stimuli == ["" if number % 2 else sha(str(number).encode()) for number in range(5000)]


# -- the view for pillars ---------------------------------------------------------------------------------------------


def test_rows_can_be_read_as_cycles_without_keeping_them():
    table = Table(
        3,
        {"phi": [0.5, None, 0.7], "x": [None, 1, None]},
        {1: "lost"},
        array("d", [0.1, math.nan, 0.3]),
        array("b", [1, -1, 0]),
        ["ab", "", "cd"],
    )
    view = Cycles(table)
    assert [one.raw for one in view] == [
        {"phi": 0.5, "wall_time_s": 0.1},
        {"x": 1},
        {"phi": 0.7, "wall_time_s": 0.3},
    ]
    assert [one.error for one in view] == [None, "lost", None]
    assert [one.success for one in view] == [True, True, False]
    assert [one.stimulus_id for one in view] == ["ab", None, "cd"]
    assert (len(view), view[-1].cycle_index, [one.cycle_index for one in view[1:]]) == (3, 2, [1, 2])
    with pytest.raises(IndexError):
        view[3]
