"""Where runs begin: one kind of start to a class.

A start looks at standardised rows and proposes a mixture; `strategy` says which kinds a search
makes, in which order.

Imports: e_step, rows, covariance and core.
"""
