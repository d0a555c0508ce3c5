"""Evaluation of a posterior: diagnostics, evidence, checks of the model, ArviZ's schema.

Imports: core, space, draws, evidence, priors, density and labels.
"""
