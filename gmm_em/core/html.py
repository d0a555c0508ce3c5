"""Values as small HTML tables, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gmm_em.mixture import Mixture

# Of a mixture with many features or components only the beginning is written out.
MAX_ROWS, MAX_FEATURES = 20, 6


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table; everything given appears as text.

    Parameters
    ----------
    caption : str
    head : sequence of str
    rows : iterable of sequences of str
        The first cell of each names the row.
    """
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<table><caption style="text-align:left">{escape(caption)}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"
    )


def mixture_table(
    mixture: Mixture, caption: str = "", feature_names: Sequence[str] | None = None
) -> str:
    """Return a row for each component of a mixture: weight, mean, standard deviations."""
    k, d = mixture.n_components, mixture.n_features
    shown = range(min(d, MAX_FEATURES))
    names = feature_names or [f"x{i + 1}" for i in range(d)]
    head = ["component", "weight", *(f"mean {names[i]}" for i in shown),
            *(f"sd {names[i]}" for i in shown)]  # fmt: skip
    deviations = mixture.covariances.diagonal(axis1=1, axis2=2) ** 0.5
    rows = [
        [
            str(index + 1),
            f"{mixture.weights[index]:.4g}",
            *(f"{mixture.means[index, i]:.5g}" for i in shown),
            *(f"{deviations[index, i]:.4g}" for i in shown),
        ]
        for index in range(min(k, MAX_ROWS))
    ]
    left = [f"{k - MAX_ROWS} more components"] if k > MAX_ROWS else []
    left += [f"{d - MAX_FEATURES} more features"] if d > MAX_FEATURES else []
    title = caption or f"Mixture of {k} Gaussian component{'' if k == 1 else 's'}"
    return table(", ".join([title, *left]), head, rows)
