"""The search for the maximum: starts, runs of EM, their acceleration, and the choice among them.

Imports: e_step, rows, matching, mixture, covariance, core.
"""
