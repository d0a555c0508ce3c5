"""The commands of `gmm-compare`, a module each: ``NAME.py`` holds one click command, ``command``.

Imports: `experiments.cli` beside it, and the doors of the rooms below. The command line imports a
module of this folder only when its command is called.
"""
