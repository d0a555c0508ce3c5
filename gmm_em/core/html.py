"""Values as small HTML tables, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from gmm_em.core.types import FloatArray

# Of a mixture with more components, only so many are written out.
MAX_ROWS = 20
# Of a mixture with more features, only so many are written out.
MAX_FEATURES = 6


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
    weights: FloatArray,
    means: FloatArray,
    covariances: FloatArray,
    caption: str = "",
    feature_names: Sequence[str] | None = None,
) -> str:
    """Return a row for each component of a mixture: weight, mean, standard deviations.

    Parameters
    ----------
    weights : ndarray, shape (K,)
    means : ndarray, shape (K, D)
    covariances : ndarray, shape (K, D, D)
    caption : str, optional
        By default the number of components.
    feature_names : sequence of str, optional
        By default ``x1``, ``x2``, ...
    """
    k, d = means.shape
    names = list(feature_names or [f"x{i + 1}" for i in range(d)])[:MAX_FEATURES]
    head = ["component", "weight", *(f"mean {n}" for n in names), *(f"sd {n}" for n in names)]
    deviations = covariances.diagonal(axis1=1, axis2=2) ** 0.5
    rows = [
        [
            str(index + 1),
            f"{weights[index]:.4g}",
            *(f"{mean:.5g}" for mean in means[index, :MAX_FEATURES]),
            *(f"{deviation:.4g}" for deviation in deviations[index, :MAX_FEATURES]),
        ]
        for index in range(min(k, MAX_ROWS))
    ]
    left = [f"{k - MAX_ROWS} more components"] if k > MAX_ROWS else []
    left += [f"{d - MAX_FEATURES} more features"] if d > MAX_FEATURES else []
    title = caption or f"Mixture of {k} Gaussian component{'' if k == 1 else 's'}"
    return table(", ".join([title, *left]), head, rows)
