# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmpt.data.indexing import ObservationIndex, by_layer, by_pattern
from qmpt.data.models import Observation, Pattern
from qmpt.data.numbers import names_of_numbers, numeric_observations
from qmpt.errors import DataError

NAMES = st.sampled_from("abc")
ROWS = st.lists(
    st.tuples(st.integers(0, 5), NAMES, st.sampled_from(["text", "belief"]), st.lists(NAMES, max_size=3)), max_size=20
)
LAYERS = {"a": "L", "b": "M"}  # the pattern c has none
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "pattern": st.sampled_from("abcx"),
        "layer": st.sampled_from("LMx"),
        "modality": st.sampled_from(["text", "belief", "x"]),
        "tag": st.sampled_from("abcx"),
        "start": st.integers(-1, 6),
        "end": st.integers(-1, 6),
    },
)


def build(rows):
    return [
        Observation(obs_id=str(place), pattern_id=name, timestamp=time, modality=modality, payload=None, tags=tags)
        for place, (time, name, modality, tags) in enumerate(rows)
    ]


PATTERNS = {name: Pattern(pattern_id=name, layer_id=layer) for name, layer in LAYERS.items()}


EVERY_MIX = [
    (time, name, modality, tags)
    for time in range(3)
    for name in "abc"
    for modality in ("text", "belief")
    for tags in ([], ["a"], ["b", "a"])
]


@given(st.just(EVERY_MIX) | ROWS, CONDITIONS)
@example(EVERY_MIX, {"pattern": "a", "tag": "b", "modality": "text", "start": 1})
def test_a_selection_is_what_a_search_through_all_of_them_finds_in_the_same_order(rows, conditions):
    observations = build(rows)
    expected = [
        one
        for one in sorted(observations, key=lambda one: one.timestamp)
        if conditions.get("pattern", one.pattern_id) == one.pattern_id
        and ("layer" not in conditions or LAYERS.get(one.pattern_id) == conditions["layer"])
        and conditions.get("modality", one.modality) == one.modality
        and ("tag" not in conditions or conditions["tag"] in one.tags)
        and conditions.get("start", -9) <= one.timestamp < conditions.get("end", 9)
    ]
    assert ObservationIndex(observations, PATTERNS).select(**conditions) == expected


def test_a_range_looks_at_few_of_many_times():
    looks = []

    class Times(list):
        def __getitem__(self, place):
            looks.append(place)
            return super().__getitem__(place)

    index = ObservationIndex(build([(time, "a", "text", []) for time in range(4096)]))
    index._times = Times(index._times)
    assert len(index.select(pattern="a", start=1000, end=1010)) == 10
    assert len(looks) <= 2 * 13  # two bisections of 4096 = 2**12 rows


def test_times_may_be_given_in_any_form():
    index = ObservationIndex(build([(0, "a", "text", []), (5, "a", "text", [])]))
    assert [one.timestamp for one in index.select(start="1970-01-01T00:00:01Z")] == [5.0]
    with pytest.raises(ValueError, match="no ISO 8601"):
        index.select(end="later")


def test_names_are_counted_in_the_order_of_their_time():
    index = ObservationIndex(
        build([(3, "a", "text", ["x", "x"]), (1, "b", "text", []), (2, "a", "belief", [])]), PATTERNS
    )
    assert list(index.names("pattern").items()) == [("b", 1), ("a", 2)]
    assert index.names("tag") == {"x": 1}
    assert index.names("layer") == {"M": 1, "L": 2}
    assert (len(index), index.span()) == (3, (1.0, 3.0))


def test_an_empty_index_finds_nothing():
    index = ObservationIndex([])
    assert (index.select(), index.select(pattern="a"), index.span(), index.names("tag")) == ([], [], None, {})


def test_groups_keep_the_order_of_appearance():
    observations = build([(3, "b", "text", []), (1, "a", "text", []), (2, "b", "text", [])])
    groups = by_pattern(observations)
    assert {name: [one.obs_id for one in group] for name, group in groups.items()} == {"b": ["0", "2"], "a": ["1"]}
    assert list(groups) == ["b", "a"]
    assert {layer: list(found) for layer, found in by_layer(PATTERNS).items()} == {"L": ["a"], "M": ["b"]}


def test_named_numbers_become_rows_in_one_order():
    rows = build([(0, "a", "text", ["x"])] * 3)
    rows = [
        rows[0].model_copy(update={"payload": {"text": "t", "numbers": {"files": 2, "age": 1.5}}}),
        rows[1].model_copy(update={"payload": {"numbers": {"files": 3}}}),
        rows[2].model_copy(update={"payload": "text alone"}),
    ]
    names = names_of_numbers(rows)
    made = list(numeric_observations(rows, names))
    assert names == ["age", "files"]
    assert [(one.obs_id, one.modality, one.payload, one.tags) for one in made] == [
        ("0#numbers", "numeric", [1.5, 2], ["x"]),
        ("1#numbers", "numeric", [None, 3], ["x"]),
    ]


@pytest.mark.parametrize("value", ["2", True, [1]], ids=str)
def test_what_stands_for_a_number_and_is_none_is_refused(value):
    row = build([(0, "a", "text", [])])[0].model_copy(update={"payload": {"numbers": {"files": value}}})
    with pytest.raises(DataError, match="files is"):
        list(numeric_observations([row], ["files"]))
