"""The posterior of the number of components: sampler, draws, partitions and their diagnostics.

Imports: core, space, draws, priors, density, labels, evaluation and samplers.
"""
