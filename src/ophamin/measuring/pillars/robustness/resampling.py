# SPDX-License-Identifier: Apache-2.0
"""Cross-validated scores with an interval that knows how the splits overlap.

Scores of splits are not independent: training sets share rows, and where splits are drawn again test sets do as well.
The usual ``mean +- 1.96 sd / sqrt(n_splits)`` shrinks to nothing as splits are added, though no data are. Where test
sets overlap, the variance here is that of Nadeau and Bengio; for one set of folds no unbiased estimate exists
(Bengio and Grandvalet 2004), so that the plain t interval is given and labelled as such.

Sources: Nadeau and Bengio, Machine Learning 52 (2003); Bouckaert and Frank, PAKDD (2004); Bengio and Grandvalet,
JMLR 5 (2004).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.inference.special import student_t_ppf
from ophamin.measuring.inference.values import plain_mean, shown, spread
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.robustness.declared import require_share
from ophamin.measuring.pillars.robustness.estimators import make_estimator
from ophamin.measuring.pillars.robustness.splitters import Scheme, bootstrap_scheme, fold_scheme, random_scheme

__all__ = ["CVResult", "bootstrap_cv", "k_fold_cv", "monte_carlo_cv", "score_splits"]


@dataclass(frozen=True, slots=True)
class CVResult:
    """The scores of all splits, their mean, and its interval.

    Attributes:
        scheme: how rows were split, in words.
        score: name of the score, in scikit-learn's spelling; larger is better.
        scores: one per split.
        n_train: mean number of different rows that train.
        n_test: mean number of rows that test.
        overlap: whether test sets overlap, so that the variance is corrected.
        confidence: level of the interval.

    Example:
        >>> result = CVResult("2 x 2 folds", "accuracy", (0.8, 0.9, 0.7, 0.8), 50, 50, overlap=True)
        >>> result.mean, round(result.ci_low, 3), round(result.ci_high, 3)
        (0.8, 0.509, 1.091)
    """

    scheme: str
    score: str
    scores: tuple[float, ...]
    n_train: float
    n_test: float
    overlap: bool
    confidence: float = 0.95

    @property
    def n_splits(self) -> int:
        """Number of scores."""
        return len(self.scores)

    @property
    def mean(self) -> float:
        """Mean score; every split weighs alike."""
        return plain_mean(self.scores)

    @property
    def sd(self) -> float | None:
        """Standard deviation of the scores, with n - 1; None for one score."""
        return spread(self.scores, self.mean) if self.n_splits > 1 else None

    @property
    def sem(self) -> float | None:
        """Standard error of the mean score, corrected where test sets overlap; None where it is undefined."""
        if self.reason or self.sd is None:
            return None
        return self.sd * math.sqrt(1.0 / self.n_splits + (self.n_test / self.n_train if self.overlap else 0.0))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The t interval of the mean score with n_splits - 1 degrees of freedom; None where it is undefined."""
        if self.sem is None:
            return None
        half = self.sem * student_t_ppf(0.5 + 0.5 * self.confidence, self.n_splits - 1)
        return self.mean - half, self.mean + half

    @property
    def ci_low(self) -> float | None:
        """Lower end of `interval`."""
        return None if self.interval is None else self.interval[0]

    @property
    def ci_high(self) -> float | None:
        """Upper end of `interval`."""
        return None if self.interval is None else self.interval[1]

    @property
    def interval_label(self) -> str:
        """What the interval rests on, or why there is none."""
        if self.reason:
            return f"undefined: {self.reason}"
        if self.overlap:
            return "corrected t (Nadeau and Bengio 2003): variance times 1 / n_splits + n_test / n_train"
        return "plain t over the test sets, which are disjoint; that training sets share rows is not corrected"

    @property
    def reason(self) -> str:
        """Why there is no interval; empty where there is one."""
        if self.n_splits < 2:
            return "one score has no spread; take two splits or more"
        if min(self.scores) == max(self.scores):
            return f"all {self.n_splits} scores are {self.scores[0]!r}; a spread of 0 bounds nothing"
        return ""


def monte_carlo_cv(
    estimator: Any,
    X: Any,  # noqa: N803 - the name that scikit-learn's users know
    y: Any,
    *,
    n_splits: int = 200,
    train_share: float = 0.7,
    score: str | None = None,
    seed: int = 0,
    confidence: float = 0.95,
) -> CVResult:
    """Scores over random splits; for a classifier with the shares of the classes kept.

    Args:
        estimator: a name from `ESTIMATORS`, or an estimator of scikit-learn.
        X: features, shape (rows, features).
        y: response, shape (rows,).
        n_splits: number of splits, at least 2.
        train_share: share of the rows that train, between 0 and 1.
        score: a scorer's name in scikit-learn; accuracy for classifiers and r2 for others by default.
        seed: of the splits.
        confidence: level of the interval.

    Raises:
        ClaimError: an argument lies outside its range.
        NotComputableError: the data do not allow it.

    Example:
        >>> result = monte_carlo_cv("linear", [[i] for i in range(30)], [i % 7 for i in range(30)], n_splits=20)
        >>> result.n_splits, result.n_test, result.overlap
        (20, 9.0, True)
    """
    model = make_estimator(estimator)
    scheme = random_scheme(n_splits, train_share, seed, is_classifier(model), grouped=False)
    return score_splits(model, X, y, scheme, score=score, confidence=confidence)


def k_fold_cv(
    estimator: Any,
    X: Any,  # noqa: N803 - the name that scikit-learn's users know
    y: Any,
    *,
    k: int = 5,
    repeats: int = 1,
    score: str | None = None,
    seed: int | None = 0,
    confidence: float = 0.95,
) -> CVResult:
    """Scores over ``k`` folds, once or with new folds ``repeats`` times; stratified for a classifier.

    Args:
        estimator: as in `monte_carlo_cv`.
        X: features, shape (rows, features).
        y: response, shape (rows,).
        k: number of folds, at least 2.
        repeats: how often the rows are folded anew.
        score: as in `monte_carlo_cv`.
        seed: of the folds; None folds the rows in their order, as scikit-learn's ``cv=5`` does.
        confidence: level of the interval.

    Raises:
        ClaimError: an argument lies outside its range.
        NotComputableError: the data do not allow it.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> [round(one, 4) for one in k_fold_cv("svc", X, y, k=5, seed=None).scores]
        [0.9667, 1.0, 0.9667, 0.9667, 1.0]
    """
    model = make_estimator(estimator)
    scheme = fold_scheme(k, repeats, seed, is_classifier(model))
    return score_splits(model, X, y, scheme, score=score, confidence=confidence)


def bootstrap_cv(
    estimator: Any,
    X: Any,  # noqa: N803 - the name that scikit-learn's users know
    y: Any,
    *,
    n_splits: int = 200,
    score: str | None = None,
    seed: int = 0,
    confidence: float = 0.95,
) -> CVResult:
    """Scores over bootstrap samples, each tested on the rows that it left out.

    About 63 % of the rows train, so that the mean score is that of a smaller training set. The correction takes
    these different rows for ``n_train``, which is wider than counting drawn ones.

    Args:
        estimator: as in `monte_carlo_cv`.
        X: features, shape (rows, features).
        y: response, shape (rows,).
        n_splits: number of samples, at least 2.
        score: as in `monte_carlo_cv`.
        seed: of the samples.
        confidence: level of the interval.

    Raises:
        ClaimError: an argument lies outside its range.
        NotComputableError: the data do not allow it.

    Example:
        >>> result = bootstrap_cv("linear", [[i] for i in range(30)], [i % 7 for i in range(30)], n_splits=20)
        >>> result.n_train + result.n_test
        30.0
    """
    scheme = bootstrap_scheme(n_splits, seed)
    return score_splits(make_estimator(estimator), X, y, scheme, score=score, confidence=confidence)


def score_splits(
    estimator: Any,
    X: Any,  # noqa: N803 - the name that scikit-learn's users know
    y: Any,
    scheme: Scheme,
    *,
    score: str | None = None,
    groups: Any = None,
    confidence: float = 0.95,
) -> CVResult:
    """Fit and score one estimator on the splits of one scheme, by ``sklearn.model_selection.cross_val_score``.

    Args:
        estimator: an estimator of scikit-learn; it is cloned, never changed.
        X: features, shape (rows, features).
        y: response, shape (rows,).
        scheme: from `scheme_of`.
        score: as in `monte_carlo_cv`.
        groups: one group per row, for a grouped scheme.
        confidence: level of the interval.

    Raises:
        ClaimError: no such score, or a level outside its range.
        NotComputableError: lengths differ, a value is not finite, the response has one value, a split cannot be
            made, fitted or scored.
    """
    from sklearn.model_selection import cross_val_score

    require_share("confidence", confidence)
    classifies = is_classifier(estimator)
    score = _known_score(score, classifies)
    features, response = _checked(X, y, classifies)
    splits = _Counted(scheme.splitter, groups, len(response))
    try:
        scores = cross_val_score(estimator, features, response, scoring=score, cv=splits, error_score="raise")
    except Exception as error:  # an estimator may raise anything
        raise NotComputableError(
            f"scikit-learn cannot score {scheme.label} of {len(response)} rows: {type(error).__name__}: {error}"
        ) from error
    values = tuple(map(float, scores))
    for split, value in enumerate(values):
        if not math.isfinite(value):
            raise NotComputableError(
                f"the {score} of split {split} is {value!r}: its test rows do not define one; lower k or choose another"
            )
    n_train, n_test = splits.mean_sizes
    return CVResult(scheme.label, score, values, n_train, n_test, scheme.overlap, confidence)


def is_classifier(estimator: Any) -> bool:
    """Whether an estimator of scikit-learn, or a pipeline that ends in one, predicts classes."""
    from sklearn.base import is_classifier as ask

    return bool(ask(estimator))


class _Counted:
    """A splitter that remembers how many rows it gave, so that no split is made twice."""

    def __init__(self, splitter: Any, groups: Any, n_rows: int) -> None:
        self._splitter = splitter
        self._groups = groups
        self._n_rows = n_rows
        self._sizes: list[tuple[int, int]] = []

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: N803 - scikit-learn's name
        return int(self._splitter.get_n_splits(X, y, self._groups))

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Any, Any]]:  # noqa: N803 - scikit-learn's name
        for train, test in self._splitter.split(X, y, self._groups):
            # a bootstrap draws rows twice; the different ones are those it does not test
            self._sizes.append((min(len(train), self._n_rows - len(test)), len(test)))
            yield train, test

    @property
    def mean_sizes(self) -> tuple[float, float]:
        trained, tested = zip(*self._sizes, strict=True)
        return plain_mean(trained), plain_mean(tested)


def _known_score(score: str | None, classifies: bool) -> str:
    from sklearn.metrics import get_scorer_names

    if score is None:
        return "accuracy" if classifies else "r2"
    if not isinstance(score, str) or score not in get_scorer_names():
        raise ClaimError(f"no score is named {shown(score)}; {nearest_name(str(score), get_scorer_names())}")
    return score


def _checked(X: Any, y: Any, classifies: bool) -> tuple[Any, Any]:  # noqa: N803 - scikit-learn's name
    """Features as floats of shape (rows, features), and the response, of one length."""
    import numpy as np

    try:
        features = np.asarray(X, dtype=float)
    except (TypeError, ValueError) as error:
        raise NotComputableError(f"the features are no table of numbers ({error}); encode texts first") from error
    response = np.asarray(y)
    if features.ndim != 2 or response.shape != features.shape[:1]:
        raise NotComputableError(
            f"features of shape {features.shape} and a response of shape {response.shape}; "
            "they are (rows, features) and (rows,)"
        )
    if len(response) < 2:
        raise NotComputableError(f"{len(response)} complete rows; two are the least that can train and test")
    if not np.isfinite(features).all():
        raise NotComputableError("a feature is not finite; leave such rows out, as errors")
    response = _checked_response(response, classifies)
    if (response == response[0]).all():
        raise NotComputableError(
            f"the response is {shown(response[0].item())} in every row; nothing is to be predicted"
        )
    return features, response


def _checked_response(response: Any, classifies: bool) -> Any:
    import numpy as np

    if classifies and response.dtype.kind in "biuUS":
        return response
    kinds: Sequence[type] = sorted({type(one) for one in response.tolist()}, key=lambda kind: kind.__name__)
    if classifies and list(kinds) == [str]:
        return response.astype(str)
    try:
        values = response.astype(float)
    except (TypeError, ValueError) as error:
        named = ", ".join(kind.__name__ for kind in kinds)
        raise NotComputableError(f"the response holds {named} ({error}); one kind of value is needed") from error
    if not np.isfinite(values).all():
        raise NotComputableError("the response holds a value that is not finite; leave such rows out, as errors")
    return values
