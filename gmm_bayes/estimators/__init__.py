"""Estimators behind scikit-learn's conventions, and the summary of a posterior that they keep.

Imports: every room below.
"""
