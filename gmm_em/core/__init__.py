"""Types, checks, threads and tables that have no better home, about arrays and not mixtures.

Imports: nothing of ours.
"""
