"""What `comparison.json` and `components.json` hold, as plain values. Imports: core.

The room holds the schema of the files and the names of parameters. What the values are is computed
in `analysis`.
"""
