"""The documented door to `save_figure`."""

from experiments.report.saving import save_figure

__all__ = ["save_figure"]
