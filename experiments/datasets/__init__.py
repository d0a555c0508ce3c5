"""Rows to fit: read from files, taken from arrays, or drawn from a truth. Imports: config, core."""
