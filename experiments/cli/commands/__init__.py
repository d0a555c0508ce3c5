"""The commands of `gmm-compare`, a module each. Imports: cli and the doors of the rooms below.

``NAME.py`` holds one click command called ``command``. The command line imports a module of this
folder only when its command is called.
"""
