"""From-scratch expectation-maximisation for Gaussian mixtures, in NumPy and SciPy."""

from gmm_em.mixture import Mixture

__all__ = ["Mixture"]
