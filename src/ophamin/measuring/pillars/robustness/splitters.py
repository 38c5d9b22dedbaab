# SPDX-License-Identifier: Apache-2.0
"""Which rows train and which test: scikit-learn's splitters by name, and the bootstrap that it lacks.

Each comes as a `Scheme`, which also knows whether its test sets overlap: the interval of a score depends on that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.inference.values import shown
from ophamin.measuring.pillars.robustness.declared import require_count, require_share

if TYPE_CHECKING:
    from numpy import intp
    from numpy.typing import NDArray

__all__ = ["SPLITTERS", "OutOfBag", "Scheme", "bootstrap_scheme", "fold_scheme", "random_scheme", "scheme_of"]

SPLITTERS: Final = ("kfold", "shuffle", "group", "group_shuffle", "time")
"""Names that `scheme_of` takes."""

_LARGEST_SEED: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Scheme:
    """A splitter, and what can be said of the scores that it gives.

    Attributes:
        label: in words, such as ``5 folds``.
        splitter: has ``split(X, y, groups)``, as in scikit-learn.
        overlap: whether a row may be tested more than once, so that scores are correlated beyond their training rows.
        grouped: whether it needs a group per row.
    """

    label: str
    splitter: Any
    overlap: bool
    grouped: bool = False


class OutOfBag:
    """Training rows drawn with replacement, as many as there are; the rows never drawn are tested.

    A draw that leaves no row over is repeated, which only few rows make likely.

    Args:
        n_splits: number of draws.
        seed: of the draws.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 17.

    Example:
        >>> train, test = next(OutOfBag(1, seed=0).split(range(10)))
        >>> len(train), set(train.tolist()) & set(test.tolist())
        (10, set())
    """

    def __init__(self, n_splits: int, seed: int) -> None:
        self.n_splits = n_splits
        self.seed = seed

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: N803 - scikit-learn's name
        """Number of draws."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[NDArray[intp], NDArray[intp]]]:  # noqa: N803 - scikit-learn's name
        """Training and test rows of each draw; ``X`` has two rows or more."""
        import numpy as np

        rng = np.random.default_rng(self.seed)
        n = len(X)
        for _ in range(self.n_splits):
            test = np.empty(0, dtype=np.intp)
            while not len(test):
                train = rng.integers(0, n, n)
                test = np.flatnonzero(np.bincount(train, minlength=n) == 0)
            yield train, test


def scheme_of(name: str, k: int, repeats: int, seed: int | None, stratified: bool) -> Scheme:
    """The scheme of a name from `SPLITTERS`.

    Args:
        name: ``kfold``; ``shuffle``, random splits that each test one row in k; ``group`` and ``group_shuffle``, the
            same with groups kept together; ``time``, where each part is tested after training on all before it.
        k: number of parts.
        repeats: how often, with new random parts; 1 for ``group`` and ``time``, which have no other parts.
        seed: of the random choice; None takes the rows in their order, for ``kfold`` and one repeat.
        stratified: keep the shares of the classes; for ``kfold`` and ``shuffle``.

    Raises:
        ClaimError: an argument lies outside its range.
    """
    if name not in SPLITTERS:
        raise ClaimError(f"the splitter is {shown(name)}; {nearest_name(str(name), SPLITTERS)}")
    require_count("k", k, 2)
    require_count("repeats", repeats, 1)
    if name == "kfold":
        return fold_scheme(k, repeats, seed, stratified)
    if name in {"shuffle", "group_shuffle"}:
        return random_scheme(k * repeats, 1.0 - 1.0 / k, seed, stratified, grouped=name == "group_shuffle")
    if repeats > 1:
        raise ClaimError(
            f"{repeats} repeats of the splitter {name!r} would split alike each time; leave repeats out, "
            "or use 'kfold', 'shuffle' or 'group_shuffle'"
        )
    from sklearn.model_selection import GroupKFold, TimeSeriesSplit

    if name == "group":
        return Scheme(f"{k} folds of whole groups", GroupKFold(k), overlap=False, grouped=True)
    return Scheme(f"{k} parts, each after training on all before it", TimeSeriesSplit(k), overlap=False)


def fold_scheme(k: int, repeats: int, seed: int | None, stratified: bool) -> Scheme:
    """``k`` folds, ``repeats`` times; see `scheme_of`."""
    from sklearn.model_selection import KFold, RepeatedKFold, RepeatedStratifiedKFold, StratifiedKFold

    require_count("k", k, 2)
    if require_count("repeats", repeats, 1) > 1:
        repeated = RepeatedStratifiedKFold if stratified else RepeatedKFold
        splitter = repeated(n_splits=k, n_repeats=repeats, random_state=_seed(seed, "repeated folds"))
        return Scheme(f"{repeats} x {k} folds", splitter, overlap=True)
    once = StratifiedKFold if stratified else KFold
    state = None if seed is None else _seed(seed, "shuffled folds")
    return Scheme(f"{k} folds", once(k, shuffle=seed is not None, random_state=state), overlap=False)


def random_scheme(n_splits: int, train_share: float, seed: int | None, stratified: bool, *, grouped: bool) -> Scheme:
    """Random splits that each train on a share of the rows, or of the groups; see `scheme_of`."""
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

    require_count("n_splits", n_splits, 2)
    share = require_share("train_share", train_share)
    make = GroupShuffleSplit if grouped else StratifiedShuffleSplit if stratified else ShuffleSplit
    splitter = make(n_splits=n_splits, train_size=share, random_state=_seed(seed, "random splits"))
    label = f"{n_splits} random splits of whole groups" if grouped else f"{n_splits} random splits"
    return Scheme(label, splitter, overlap=True, grouped=grouped)


def bootstrap_scheme(n_splits: int, seed: int | None) -> Scheme:
    """Bootstrap samples, scored on the rows that they left out; see `OutOfBag`."""
    require_count("n_splits", n_splits, 2)
    splitter = OutOfBag(n_splits, _seed(seed, "bootstrap samples"))
    return Scheme(f"{n_splits} bootstrap samples, scored out of bag", splitter, overlap=True)


def _seed(seed: int | None, what: str) -> int:
    """A seed that NumPy takes; without one the record could not be computed again."""
    if seed is None or require_count("the seed", seed, 0) > _LARGEST_SEED:
        raise ClaimError(f"{what} need a seed from 0 to {_LARGEST_SEED}, not {seed!r}, so that they can be drawn again")
    return seed
