"""Claims about the instruments themselves: is what we measure with to be trusted?"""

import rfc8785

from ophamin import rate, scenario
from ophamin.core.canonical import canonical_bytes


def draw_document(rng, depth=0):
    """A random document of the kinds on which both canonical forms must agree: no floats, ASCII keys and texts."""
    kind = rng.integers(0, 7 if depth < 3 else 5)
    if kind == 0:
        return None
    if kind == 1:
        return bool(rng.integers(0, 2))
    if kind == 2:
        return int(rng.integers(-(2**53) + 1, 2**53))
    if kind in {3, 4}:
        return "".join(chr(rng.integers(32, 127)) for _ in range(rng.integers(0, 12)))
    if kind == 5:
        return [draw_document(rng, depth + 1) for _ in range(rng.integers(0, 5))]
    return {f"key_{rng.integers(0, 50)}": draw_document(rng, depth + 1) for _ in range(rng.integers(0, 5))}


@scenario(
    "our canonical JSON and an independent RFC 8785 implementation give the same bytes",
    rate("differs") <= 0.01,
    tier="measurement_machinery",
    family="canonical-form",
)
def test_canonical_form_agrees_with_rfc_8785(trial, rng):
    """Do content ids rest on our own reading of JSON?

    On documents without floats the two forms are the same by specification, so any difference is a fault of one of
    the two programs.

    If refuted: ids of records cannot be recomputed by others.
    """
    for _ in range(500):
        document = draw_document(rng)
        trial.observe(differs=canonical_bytes(document) != rfc8785.dumps(document))
