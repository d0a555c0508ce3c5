"""What every room uses and no other room is a better home for. Imports: nothing of ours.

Errors, seeds, words for sentences, digits of numbers, files, the code version, and sizes.
"""
