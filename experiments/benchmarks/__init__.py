"""Speed, memory and the verdict, for ``gmm-compare bench``. Imports: api and the rooms below it.

Each benchmark is a module or a package with a function ``main``, which prints tables: em, bayes,
comparison, scale, verdict and programs. The command line imports it by its name when it is asked
for.
"""
