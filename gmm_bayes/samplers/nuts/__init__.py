"""The No-U-Turn sampler: its settings, its backends, and chains that jump between modes.

Imports: core, space, draws, priors, density, pymc_model, labels, and the contract, the starts and
the jumps of the samplers.
"""
