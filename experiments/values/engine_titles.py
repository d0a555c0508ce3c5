"""What tables call an engine where only its name is known: those of criteria and of sweeps."""

from __future__ import annotations

# As the fits of these engines have them.
TITLES = {"em": "EM", "bayes": "posterior", "bayes-auto": "posterior", "kmeans": "k-means"}


def engine_title(name: str) -> str:
    """Return the title of an engine; one that is not known here goes by its name."""
    return TITLES.get(name, name)
