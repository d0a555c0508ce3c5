"""Figures and the HTML page, drawn from the comparison's values alone."""
