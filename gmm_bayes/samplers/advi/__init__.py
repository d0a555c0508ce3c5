"""Automatic differentiation variational inference: settings, optimisation, and quality.

Imports: core, space, draws, evidence, priors, density, pymc_model, labels, and the contract, the
starts and the sequential chains of the samplers.
"""
