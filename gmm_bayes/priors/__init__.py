"""Prior distributions: their parameters, densities, draws and predictions.

Imports: core, space and draws.
"""
