"""From data and options to the best maximum: the problem, its runs, and the search.

Imports: e_step, rows, matching, mixture, covariance, core.

A `Problem` is what is maximised. A `Climb` is one run. A `Batch` makes the first steps of many
runs together. `Search` decides which starts are made and when they are enough. `finish` turns what
it found into an `EMResult`.
"""
