"""Many experiments from one config. Imports: analysis and the rooms below it.

A plan of cells, workers that run them, a directory that keeps them, and the results table.
"""
