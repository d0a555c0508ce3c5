"""Sequential Monte Carlo: settings, runs of PyMC, and the moves of the particles.

Imports: core, space, draws, evidence, priors, density, pymc_model, labels, and the contract and the
sequential chains of the samplers.
"""
