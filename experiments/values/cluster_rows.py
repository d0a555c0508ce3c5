"""What is said of the rows and their components: the terminal and the report say the same."""

from __future__ import annotations

from experiments.values.comparison import ComparisonValues

# Components and classes that a table of text has room for.
MAX_COUNTED = 12


def clusters_sentence(comparison: ComparisonValues) -> str:
    """Say how many rows are uncertain, and on how many the engines disagree.

    It is empty where there is one component, or only the numbers of the comparison were kept.
    """
    found = comparison.clusters
    if found is None or comparison.n_components == 1:
        return ""
    whose = comparison.engines[found.engine].title
    said = (
        f"Clusters: {found.n_uncertain} of {found.n_rows} rows are uncertain "
        f"({whose}: below {found.threshold:.0%})"
    )
    if len(comparison.engines) > 1:
        apart = found.n_disagreeing
        said += f"; the engines disagree on {apart}" if apart else "; the engines agree on all"
    return f"{said}."


def classes_sentence(comparison: ComparisonValues) -> str:
    """Say how well the components recover known classes; empty where there are none."""
    if comparison.clusters is None or comparison.clusters.classes is None:
        return ""
    known = comparison.clusters.classes
    rand = ", ".join(
        f"{comparison.engines[name].title} {found.adjusted_rand:.3f}"
        for name, found in known.engines.items()
    )
    count = f"{len(known.names)} class{'' if len(known.names) == 1 else 'es'}"
    unknown = f"; {known.n_unknown} rows have none" if known.n_unknown else ""
    return f"{known.column}, {count}{unknown}: adjusted Rand index {rand}."


def class_counts(comparison: ComparisonValues) -> dict[str, list[tuple[str, list[int]]]]:
    """Return the rows of each class in each component, class by class, of each engine.

    Nothing is returned where no classes are known.
    """
    if comparison.clusters is None or comparison.clusters.classes is None:
        return {}
    known = comparison.clusters.classes
    return {
        engine: list(zip(known.names, found.counts, strict=True))
        for engine, found in known.engines.items()
    }


def fits_as_text(comparison: ComparisonValues) -> bool:
    """Say whether a table of classes by components has room in a terminal."""
    counts = class_counts(comparison)
    n_classes = max((len(rows) for rows in counts.values()), default=0)
    return 0 < n_classes <= MAX_COUNTED and comparison.n_components <= MAX_COUNTED
