"""The data as the E-step reads them: units, blocks of rows, memory maps.

Imports: core, mixture.
"""
