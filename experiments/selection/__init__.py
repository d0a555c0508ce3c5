"""The choice of a number of components and of the structure of covariances.

Imports: analysis, engines, datasets, config, values, core.
"""
