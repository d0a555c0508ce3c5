"""The choice of a number of components. Imports: analysis, engines, datasets, values, core."""
