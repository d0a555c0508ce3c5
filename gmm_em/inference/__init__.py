"""What a fit says: standard errors, the bootstrap, information criteria.

Imports: core, covariance, mixture, rows, matching, e_step, fitting.
"""
