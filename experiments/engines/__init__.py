"""The engines that ship: one file for each kind, behind the protocol of engines.py."""
