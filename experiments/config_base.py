"""The documented door to `Section`, which engines of other packages use."""

from experiments.config.section import Section

__all__ = ["Section"]
