"""The page and the figures of a sweep.

Imports: report.page, sweeps, config, values, storage, core.
"""
