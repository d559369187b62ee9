"""Pairs of least total cost."""

import numpy as np
import torch
from torch import Tensor


def linear_sum_assignment(cost: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of rows and columns, each at most once, whose costs sum up to the least (Jonker and Volgenant, 1987).

    Args:
        cost: (n, m) of any device; what is not finite counts as very dear.

    Returns:
        Rows and columns (min(n, m),) of the pairs on its device, by rising row.
    """
    table = np.nan_to_num(cost.detach().double().cpu().numpy(), nan=1e12, posinf=1e12, neginf=-1e12)
    few = table.shape[0] <= table.shape[1]
    columns = _assigned(table if few else table.T)
    rows = np.arange(len(columns))
    if not few:
        order = np.argsort(columns)
        rows, columns = columns[order], rows[order]
    return torch.from_numpy(rows).to(cost.device), torch.from_numpy(columns).to(cost.device)


def _assigned(cost: np.ndarray) -> np.ndarray:
    """The column of each row of a table (n, m) with n <= m: rows join one by one, by the cheapest exchange."""
    n, m = cost.shape
    of_rows, of_columns = np.zeros(n), np.zeros(m)  # prices
    owner = np.full(m, -1)  # of a column
    column = np.full(n, -1)  # of a row
    for new in range(n):
        distance, before = np.full(m, np.inf), np.full(m, new)
        open_, row, reach = np.ones(m, bool), new, 0.0
        while True:
            step = reach + cost[row] - of_rows[row] - of_columns
            shorter = open_ & (step < distance)
            distance[shorter], before[shorter] = step[shorter], row
            best = int(np.where(open_, distance, np.inf).argmin())
            reach = float(distance[best])
            open_[best] = False
            if owner[best] < 0:
                break
            row = owner[best]
        done = ~open_
        done[best] = False
        of_rows[new] += reach
        of_rows[owner[done]] += reach - distance[done]
        of_columns[done] += distance[done] - reach
        while True:  # along the way back every row takes the column that the next one gives up
            row = before[best]
            owner[best] = row
            column[row], best = best, column[row]
            if row == new:
                break
    return column
