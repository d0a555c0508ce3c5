"""Simulation-based calibration of a posterior. Imports: datasets, config, storage, core."""
