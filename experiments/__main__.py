"""`python -m experiments` is `gmm-compare`."""

from experiments.cli import main

main()
