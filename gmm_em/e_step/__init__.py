"""The E-step: expected sufficient statistics of rows, however the rows are stored.

Imports: core, covariance, mixture, rows.
"""
