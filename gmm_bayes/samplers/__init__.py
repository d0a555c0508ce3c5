"""Samplers: what each owes (the contract), their names (the registry), and one room for each.

Imports: core, space, draws, evidence, priors, density, pymc_model and labels.
"""
