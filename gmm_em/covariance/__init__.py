"""Covariance structures: what each leaves free in the covariances, one structure to a file.

Imports: core.
"""
