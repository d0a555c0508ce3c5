"""Folders on disk, written whole or not at all. Imports: core.

The room knows the names of files, not what is in them.
"""
