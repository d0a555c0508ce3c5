"""What every room uses and no room owns: types, checks, limits, seeds, progress, compilation.

Imports: no other room of the package.
"""
