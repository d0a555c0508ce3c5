"""``{structure-ellipses}``: the covariance structures as ellipses, drawn while building.

The same three covariances are brought into each family by the family's own M-step, so that the
picture shows what a structure makes equal.
"""

from __future__ import annotations

from html import escape

import numpy as np
from docutils import nodes
from numpy.typing import NDArray
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.projection import structured
from gmm_em.covariance.registry import STRUCTURES

# Volumes, ratios of the axes, and angles that all differ between the three components.
VOLUMES = np.array([0.55, 0.2, 0.1])
RATIOS = np.array([3.2, 2.2, 1.4])
ANGLES = np.radians([20.0, 55.0, -35.0])
CENTRES = np.array([[-1.6, -0.9], [1.5, -0.8], [0.0, 1.3]])
COLOURS = ("#0072b2", "#d55e00", "#009e73")
COLUMNS, CELL = 5, 124
# Half the width of what a panel shows, in the covariances' units.
REACH = 3.1


def covariances() -> NDArray[np.float64]:
    """Return the three covariances, shape (3, 2, 2), before any family restricts them."""
    out = np.empty((3, 2, 2))
    for k, (volume, ratio, angle) in enumerate(zip(VOLUMES, RATIOS, ANGLES, strict=True)):
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        out[k] = volume * (axes * [ratio, 1.0 / ratio]) @ axes.T
    return out


def panel(structure: CovarianceStructure) -> str:
    """Draw a structure's three ellipses, each at 1.5 standard deviations, and its name."""
    scale = 0.5 * CELL / REACH
    shapes = []
    for matrix, centre, colour in zip(
        structured(structure, np.ones(3), covariances()), CENTRES, COLOURS, strict=True
    ):
        values, axes = np.linalg.eigh(matrix)
        # Angles run downwards in SVG.
        angle = -np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
        radii = 1.5 * scale * np.sqrt(values)
        x, y = 0.5 * CELL + scale * centre[0], 0.5 * CELL - scale * centre[1]
        shapes.append(
            f'<ellipse rx="{radii[1]:.1f}" ry="{radii[0]:.1f}" fill="{colour}" fill-opacity="0.25" '
            f'stroke="{colour}" transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f})"/>'
        )
    name = structure.mclust_name
    if structure.name != name:
        name = f"{name} ({structure.name})"
    title = (
        f'<text x="{CELL / 2}" y="{CELL + 14}" text-anchor="middle" font-size="13" '
        f'fill="currentColor">{escape(name)}</text>'
    )
    return "".join(shapes) + title


def picture() -> str:
    """Draw all structures, by mclust's names in the order of how much each leaves free."""
    ordered = sorted(STRUCTURES.values(), key=lambda s: (s.n_parameters(3, 2), s.mclust_name))
    rows = -(-len(ordered) // COLUMNS)
    width, height = COLUMNS * CELL, rows * (CELL + 24)
    cells = []
    for i, structure in enumerate(ordered):
        x, y = i % COLUMNS * CELL, i // COLUMNS * (CELL + 24)
        cells.append(f'<g transform="translate({x} {y})">{panel(structure)}</g>')
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img">'
        f"<title>Three ellipses of each of {len(ordered)} covariance structures</title>"
        f"{''.join(cells)}</svg>"
    )


class StructureEllipses(SphinxDirective):
    """``{structure-ellipses}``: one panel for each structure of the registry."""

    def run(self) -> list[nodes.Node]:
        """Return the picture as it stands in the page."""
        return [nodes.raw("", picture(), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("structure-ellipses", StructureEllipses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
