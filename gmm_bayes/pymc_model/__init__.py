"""The posterior as a PyMC model: built, kept compiled, and around the closed-form density.

Imports: core, space, priors and density.
"""
