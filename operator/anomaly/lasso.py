"""Many small lassos at once: min 1/2 x'Gx - c'x + p|x|_1, exactly, by feature-sign search.

After Lee, Battle, Raina and Ng, "Efficient sparse coding algorithms" (2006): guess who is not zero and with which sign,
solve that linear system, walk towards its solution until a sign would change, guess anew. Every step lowers the
objective, so no guess comes twice and it ends.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

STEPS_A_COLUMN: Final = 20
_SLACK: Final = 1e-9


def lasso(gram: Floats, target: Floats, penalty: Floats, start: Floats) -> Floats:
    """Minima (problems x columns) for `gram` (problems x columns x columns), `target` and `penalty` (one a problem).

    `start` is a guess; the nearer, the fewer steps. A problem that hasn't ended after STEPS_A_COLUMN steps a column is
    left at its best point so far.
    """
    point, signs = start.copy(), np.sign(start)
    still_open = np.arange(len(target))
    settled = np.zeros(len(target), bool)
    for _ in range(STEPS_A_COLUMN * target.shape[1]):
        system, wanted, limit = gram[still_open], target[still_open], penalty[still_open, None]
        here, guess = point[still_open], signs[still_open]
        joined, done = _join(system, wanted, limit, here, guess, settled[still_open])
        keep = ~done
        still_open = still_open[keep]
        if not still_open.size:
            break
        point[still_open], signs[still_open], settled[still_open] = _walk(
            system[keep], wanted[keep] - limit[keep] * joined[keep], here[keep], joined[keep]
        )
    return point


def _join(
    system: Floats, wanted: Floats, limit: Floats, here: Floats, signs: Floats, settled: Bools
) -> tuple[Floats, Bools]:
    """The signs with the zero column that wants most to move, where the others have settled; and who is done."""
    slope = wanted - (system @ here[:, :, None])[:, :, 0]
    pull = np.where(signs == 0, np.abs(slope), 0.0)
    column, row = np.argmax(pull, axis=1), np.arange(len(pull))
    pulled = pull[row, column] > limit[:, 0] * (1 + _SLACK)
    joined = signs.copy()
    moves = settled & pulled
    joined[row[moves], column[moves]] = np.sign(slope[row[moves], column[moves]])
    return joined, settled & ~pulled


def _walk(system: Floats, wanted: Floats, here: Floats, signs: Floats) -> tuple[Floats, Floats, Bools]:
    """Towards the solution with these signs, until the first one would change; whether the solution was reached."""
    active = signs != 0
    masked = np.where(active[:, :, None] & active[:, None, :], system, 0.0)
    masked += np.eye(signs.shape[1]) * ~active[:, None, :]
    goal = np.linalg.solve(masked, np.where(active, wanted, 0.0)[:, :, None])[:, :, 0]
    crosses = active & (goal * signs < 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(crosses, here / (here - goal), 1.0)
    step = np.minimum(share.min(axis=1, keepdims=True), 1.0)
    reached = ~crosses.any(axis=1)
    point = np.where(reached[:, None], goal, here + step * (goal - here))
    dropped = crosses & (share <= step)
    point[dropped] = 0.0
    return point, np.where(dropped, 0.0, signs), reached
