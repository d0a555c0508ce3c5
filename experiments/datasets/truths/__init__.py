"""True mixtures made to measure, and ways in which data may depart from them."""

from experiments.datasets.truths.generate import generate_truth
from experiments.datasets.truths.overlap import average_overlap, maximum_overlap, misclassification
from experiments.datasets.truths.separation import c_separation

__all__ = [
    "average_overlap",
    "c_separation",
    "generate_truth",
    "maximum_overlap",
    "misclassification",
]
