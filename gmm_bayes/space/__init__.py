"""The space of mixtures: covariance structures, standardisation, the unconstrained vector.

Imports: core.
"""
