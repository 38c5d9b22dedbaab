"""Claims about how a system answers to input about itself."""

from statistics import fmean

from ophamin import mean, scenario
from ophamin.seeing.substrate.mock import MockSubstrate

ABOUT_ITSELF = ["What are you?", "Describe your own state.", "Do you remember the last question?"]
ABOUT_THE_WORLD = ["What is a lever?", "Describe a river.", "Do bees remember flowers?"]


@scenario(
    "questions about the system itself shift phi by less than 0.1 either way",
    mean("shift", bounds=(-1, 1)).between(-0.1, 0.1),
    tier="philosophical",
    family="self-reference",
)
def test_self_reference_shifts_nothing(trial, rng):
    """Does the system answer differently when it is spoken of?

    Each unit is a pair of independent systems, one asked about itself and one about the world; which is asked first
    is drawn. Two claims, both needed: the shift is above -0.1 and below 0.1.

    If refuted: neutral inputs are no control for self-referential ones.
    """
    for _ in range(120):
        first, second = (MockSubstrate(seed=int(seed)) for seed in rng.integers(0, 10_000_000, size=2))
        itself = fmean(first.run_cycle(question).raw["phi"] for question in ABOUT_ITSELF)
        world = fmean(second.run_cycle(question).raw["phi"] for question in ABOUT_THE_WORLD)
        trial.observe(shift=itself - world)
