"""The No-U-Turn sampler: its settings, and one module for each of its backends.

Imports: core, space, draws, priors, density, pymc_model and the contract of the samplers.
"""
