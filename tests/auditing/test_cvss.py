# SPDX-License-Identifier: Apache-2.0
"""Base scores against the worked examples of FIRST, and what an advisory tells when it tells no vector."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.pillars.cvss import advisory_score, base_score

# FIRST, "Common Vulnerability Scoring System v3.1: Examples", revision 2: CVE, base vector, base score.
EXAMPLES = [
    ("CVE-2013-1937", "AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
    ("CVE-2013-0375", "AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
    ("CVE-2014-3566", "AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
    ("CVE-2012-1516", "AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9),
    ("CVE-2012-0384", "AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 8.8),
    ("CVE-2015-1098", "AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 7.8),
    ("CVE-2014-0160", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5),
    ("CVE-2014-6271", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
    ("CVE-2008-1447", "AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N", 6.8),
    ("CVE-2014-2005", "AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 6.8),
    ("CVE-2009-0783", "AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 4.2),
    ("CVE-2016-1645", "AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 8.8),
    ("CVE-2015-8252", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
]
HEARTBLEED = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"


@pytest.mark.parametrize(("cve", "vector", "score"), EXAMPLES, ids=[cve for cve, _, _ in EXAMPLES])
def test_published_examples_have_their_published_scores(cve, vector, score):
    assert base_score(f"CVSS:3.1/{vector}") == score


def test_without_impact_the_score_is_zero():
    assert base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:N/I:N/A:N") == 0.0


def test_metrics_beside_the_base_do_not_count():
    assert base_score(f"{HEARTBLEED}/E:F/RL:O/RC:C") == base_score(HEARTBLEED) == 7.5


@pytest.mark.parametrize(
    "vector",
    [
        "",
        "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
        "CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/C:H/I:N/A:N",
        "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
        f"{HEARTBLEED}/AV:P",
    ],
    ids=["empty", "no version", "2.0", "4.0", "cut", "no scope", "unknown value", "twice"],
)
def test_what_is_no_vector_of_version_3_has_no_score(vector):
    assert base_score(vector) is None


METRICS = {"AV": "NALP", "AC": "LH", "PR": "NLH", "UI": "NR", "S": "UC", "C": "HLN", "I": "HLN", "A": "HLN"}


@given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in METRICS.items()}))
def test_every_vector_has_a_score_of_one_decimal_and_more_impact_never_lowers_it(metrics):
    def of(**changes):
        return base_score("CVSS:3.1/" + "/".join(f"{name}:{value}" for name, value in (metrics | changes).items()))

    assert 0.0 <= of() <= 10.0
    assert round(of(), 1) == of()
    assert of(C="H", I="H", A="H") >= of() >= of(C="N", I="N", A="N") == 0.0


@given(st.text())
def test_no_text_makes_it_fail(text):
    assert base_score(f"CVSS:3.1/{text}") is None or text.count(":") >= 8


def test_the_greatest_of_several_vectors_counts():
    low = "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N"
    entry = {"severity": [{"type": "CVSS_V3", "score": low}], "affected": [{"severity": [{"score": HEARTBLEED}]}]}
    assert advisory_score(entry) == 7.5


@pytest.mark.parametrize(("word", "score"), [("CRITICAL", 9.0), ("High", 7.0), ("MODERATE", 4.0), ("LOW", 0.1)])
def test_a_word_counts_as_the_least_of_its_band_where_no_vector_can_be_scored(word, score):
    only_version_4 = [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]
    assert advisory_score({"severity": only_version_4, "database_specific": {"severity": word}}) == score


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"severity": "HIGH"},
        {"severity": [None, {"score": 9.8}, {"score": None}]},
        {"affected": {"severity": []}},
        {"affected": [1, {"severity": {}}]},
        {"database_specific": {"severity": "WORST"}},
        {"database_specific": {"severity": 9}},
        {"database_specific": []},
    ],
    ids=range(8),
)
def test_what_tells_nothing_has_no_score(entry):
    assert advisory_score(entry) is None
