"""From fits to what they say. Imports: engines, datasets, config, values, storage, core.

`analyse` turns fits into an `Analysis`: the values of a comparison, the fits, and row scores.
"""
