"""The page and the figures of one comparison.

Imports: report.page, analysis, values, storage, core.
"""
