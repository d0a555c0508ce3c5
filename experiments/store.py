"""The documented door to `read_run`."""

from experiments.api.saved import read_run

__all__ = ["read_run"]
