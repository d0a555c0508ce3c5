"""What every page is made of: blocks, the document, one look. Imports: core.

Nothing here knows what a comparison or a sweep is.
"""
