"""The log posterior density in closed form, with its gradient and Laplace's approximation.

Imports: core, space, draws and priors.
"""
