"""Colours tell engines and components apart for every reader, on light paper and on dark."""

import itertools
import re
from importlib import resources

import numpy as np
import pytest

from experiments.report.page.theme import COLOURS, COMPONENT_COLOURS, OTHER_COLOUR, colour_of

# How linear RGB is seen without one kind of cones (Machado, Oliveira & Fernandes 2009, severity 1).
SIGHTS = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
# A difference of 2.3 in CIELAB is just noticeable side by side (Mahy et al. 1994).
APART = 10.0


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB (CIE 1976) of linear sRGB."""
    t = TO_XYZ @ np.clip(rgb, 0, 1) / WHITE
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(
    "colours", [[*COLOURS.values(), OTHER_COLOUR], COMPONENT_COLOURS], ids=["engines", "components"]
)
def test_colours_differ_for_every_sight(sight, colours):
    seen = [lab(np.array(SIGHTS[sight]) @ linear(colour)) for colour in colours]
    for (i, first), (j, second) in itertools.combinations(enumerate(seen), 2):
        assert np.linalg.norm(first - second) > APART, (colours[i], colours[j])


def test_truth_em_and_posteriors_stand_out_on_light_paper_and_on_dark():
    style = (resources.files("experiments.report.page") / "templates" / "page.css").read_text()
    papers = sorted(set(re.findall(r"--paper: (#[0-9a-f]{6})", style)))
    assert len(papers) == 2
    for name, paper in itertools.product(("truth", "em", "bayes", "bayes-auto"), papers):
        high, low = sorted(
            (float(TO_XYZ[1] @ linear(colour)) for colour in (colour_of(name), paper)), reverse=True
        )
        assert (high + 0.05) / (low + 0.05) >= 3, "WCAG 2.2, 1.4.11"
