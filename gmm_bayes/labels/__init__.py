"""Labels of components: alignment of draws, and the posterior on one labelling.

Imports: core, space, draws and density.
"""
