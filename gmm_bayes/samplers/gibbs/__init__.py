"""The blocked Gibbs sampler: settings, chains, compiled sweeps, and moves that make it mix.

Imports: core, space, draws, priors, density, and the contract, the starts and the jumps of the
samplers.
"""
