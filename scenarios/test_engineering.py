"""Claims about this repository and the cost of its own code."""

import json

from ophamin import quantile, rate, scenario
from ophamin.core.canonical import content_hash


@scenario(
    "at most one commit subject in ten is longer than 72 characters",
    rate("long_subject") <= 0.10,
    tier="engineering",
    family="hygiene",
    corpus="git:.",
    census=True,
    order="file",
)
def test_commit_subjects_are_short(stream, trial):
    """Can the history be read in a terminal?

    A census: the claim speaks of this repository's commits and of nothing beyond them, and all of them are read.

    If refuted: a commit hook should measure subjects.
    """
    for commit in stream:
        trial.observe(long_subject=len(commit.metadata["subject"]) > 72)


def identify(text):
    """A content id of a small document, as a service would compute it for each request."""
    return content_hash({"text": text, "words": text.split(), "length": len(text)})


@scenario(
    "19 content ids in 20 are computed within 20 milliseconds",
    quantile("wall_time_s", 0.95, units="s") <= 0.020,
    tier="engineering",
    family="latency",
    corpus="sentences",
    substrate=identify,
    unit="stimulus",
    method="exact",
)
def test_content_ids_are_quick(substrate, stream):
    """Is the content id cheap enough to take at every request?

    The 0.95 quantile is decided by order statistics, which hold for any distribution of latencies. Successive calls
    share the machine's state, so a unit is one text, called five times. Run beside other tests the claim would be
    INCONCLUSIVE, since they share the machine.

    If refuted: ids must be cached.
    """
    for record in stream:
        for _ in range(5):
            substrate.run_cycle(record.content)


@scenario(
    "a content id never depends on the order of keys",
    rate("differs") <= 0.01,
    tier="measurement_machinery",
    family="canonical-form",
)
def test_key_order_is_nothing(trial, rng):
    """Can two writers of one document disagree on its id?

    If refuted: no id in any record can be trusted.
    """
    for _ in range(400):
        keys = [f"k{number}" for number in rng.integers(0, 1000, size=8)]
        document = {key: int(rng.integers(0, 10)) for key in keys}
        shuffled = dict(sorted(document.items(), key=lambda _: rng.random()))
        trial.observe(differs=content_hash(document) != content_hash(json.loads(json.dumps(shuffled))))
