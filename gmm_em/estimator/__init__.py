"""GaussianMixtureEM: fitting and its results, behind scikit-learn's conventions.

Imports: core, covariance, mixture, rows, e_step, fitting, inference.
"""
