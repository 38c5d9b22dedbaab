"""Claims about a model on real data: does a tumour classifier miss too much?"""

from ophamin import rate, scenario


def try_held_out(substrate, stream, trial):
    """Classify the malignant tumours that the model was not trained on (every second record was)."""
    for record in stream:
        if int(record.id) % 2 == 1 and record.metadata["label_name"] == "malignant":
            answer = substrate.run_cycle(record.content)
            trial.observe(missed=not answer.raw["malignant"])


@scenario(
    "the classifier misses at most one malignant tumour in ten",
    rate("missed") <= 0.10,
    tier="engineering",
    family="classifier",
    corpus="breast-cancer",
    substrate="tumour_classifier",
)
def test_few_tumours_are_missed(substrate, stream, trial):
    """Is the classifier safe enough to sort referrals?

    A missed malignant tumour costs most, so the rate is taken over malignant cases alone, none of which the model has
    seen.

    If refuted: the model must not sort referrals without a second reader.
    """
    try_held_out(substrate, stream, trial)


@scenario(
    "the classifier misses at most three malignant tumours in a hundred",
    rate("missed") <= 0.03,
    tier="engineering",
    family="classifier",
    corpus="breast-cancer",
    substrate="tumour_classifier",
    method="exact",
)
def test_hardly_any_tumour_is_missed(substrate, stream, trial):
    """Could the classifier replace the second reader?

    The table holds about a hundred malignant cases that the model has not seen: too few to tell 3 % from 5 %. The
    honest verdict is INCONCLUSIVE, with the number of cases that would decide.

    If refuted: the second reader stays.
    """
    try_held_out(substrate, stream, trial)
