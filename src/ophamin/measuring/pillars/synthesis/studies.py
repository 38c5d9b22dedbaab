# SPDX-License-Identifier: Apache-2.0
"""The groups of a run as studies: an effect and its variance for each.

Rows of a group are taken as independent. A group with too few rows for a variance is left out, which does not depend
on its values; a group whose values do not vary is an error, because to leave it out would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.design import Codes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = ["Studies", "studies_of"]


class Studies(NamedTuple):
    """Studies in order of first appearance.

    ``effects`` and ``variances`` have shape (k,); ``left_out`` names the groups with fewer than two rows, or fewer
    than two in an arm.
    """

    labels: tuple[str, ...]
    effects: Vector
    variances: Vector
    left_out: tuple[str, ...]


def studies_of(values: Vector, groups: Codes, arms: Codes | None = None) -> Studies:
    """Means of groups with their variances, or differences of the means of two arms within groups.

    Args:
        values: shape (n,).
        groups: the group of each row.
        arms: the arm of each row, two of them; the effect is the mean of the second less that of the first.

    Raises:
        NotComputableError: the arms are not two, no group has enough rows, or a group does not vary.

    Example:
        >>> import numpy as np
        >>> from ophamin.measuring.pillars.effects.design import codes_of
        >>> made = studies_of(np.array([1.0, 3.0, 2.0, 6.0, 9.0]), codes_of(["a", "a", "b", "b", "c"], "seed"))
        >>> made.labels, made.effects.tolist(), made.variances.tolist(), made.left_out
        (('a', 'b'), [2.0, 4.0], [1.0, 4.0], ('c',))
    """
    import numpy as np

    n_arms = 1 if arms is None else len(arms.levels)
    if arms is not None and n_arms != 2:
        raise NotComputableError(f"{n_arms} arms; a difference has two: {', '.join(map(str, arms.levels[:5]))}")
    cells = groups.codes if arms is None else groups.codes * 2 + arms.codes
    shape = (len(groups.levels), n_arms)
    counts = np.bincount(cells, minlength=shape[0] * n_arms).astype(np.float64)
    means = np.bincount(cells, weights=values, minlength=len(counts)) / np.maximum(counts, 1)
    rest = values - means[cells]
    squares = np.bincount(cells, weights=rest * rest, minlength=len(counts))
    enough = (counts.reshape(shape) >= 2).all(axis=1)
    n, mean, square = (part.reshape(shape)[enough] for part in (counts, means, squares))
    variances = (square / ((n - 1.0) * n)).sum(axis=1)
    labels = [str(level) for level in groups.levels]
    kept = tuple(labels[at] for at in np.flatnonzero(enough))
    left_out = tuple(labels[at] for at in np.flatnonzero(~enough))
    if not kept:
        raise NotComputableError(
            f"none of {len(labels)} groups has two rows{' in each arm' if arms else ''}; take more"
        )
    flat = np.flatnonzero(~(variances > 1e-28 * float(np.abs(values).max()) ** 2))
    if len(flat):
        raise NotComputableError(
            f"the group {kept[int(flat[0])]!r} does not vary, so that its weight would be infinite; pool it with others"
        )
    return Studies(kept, mean @ np.array([1.0] if arms is None else [-1.0, 1.0]), variances, left_out)
