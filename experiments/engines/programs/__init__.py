"""The same model in other probabilistic programs, and the check that it is the same.

Every program states the model anew, as its own users would, from nothing but numbers. Beside them
mclust maximises the likelihood in R.
"""
