"""The `[data.truth]` table of a config: the mixture that synthetic data are drawn from."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from experiments.config.section import Matrix, Positive, PositiveInt, Section, Vector

AtLeastOne = Annotated[float, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]

TARGETS = ("separation", "average_overlap", "maximum_overlap")


class WrittenTruth(Section):
    """A mixture written out in the config."""

    kind: Literal["written"] = "written"
    """Whether the mixture is written out or generated."""
    weights: Vector
    """Weights of the components, positive, summing to one; length K."""
    means: Matrix
    """Means of the components, K rows of D numbers."""
    covariances: list[Matrix]
    """Covariances of the components, K symmetric positive-definite D x D matrices."""


class GeneratedTruth(Section):
    """A mixture drawn at random so that it meets one target: separation or overlap."""

    kind: Literal["generated"]
    """Whether the mixture is written out or generated."""
    n_features: PositiveInt = 2
    """Number of features D."""
    n_components: PositiveInt | None = None
    """Number of components of the truth; by default the experiment's own."""
    separation: Positive | None = None
    """Target: the c for which the closest pair of components is c-separated (Dasgupta 1999)."""
    average_overlap: Share | None = None
    """Target: mean over pairs of the two probabilities of misclassification (Maitra & Melnykov
    2010)."""
    maximum_overlap: Share | None = None
    """Target: the largest over pairs of the same."""
    weights: Literal["equal", "dirichlet"] | Vector = "equal"
    """Weights of the components: equal, Dirichlet(concentration, ...), or K numbers."""
    concentration: Positive | None = None
    """Of the Dirichlet distribution of the weights; 5 by default."""
    covariance: Literal["spherical", "diagonal", "full"] = "full"
    """Shape of the covariances: full ones have random axes."""
    condition: AtLeastOne | None = None
    """Largest over smallest eigenvalue of every covariance; 5 by default, 1 for spherical ones."""
    scale_ratio: AtLeastOne | None = None
    """Standard deviations of the widest over those of the narrowest component; 1.5 by default."""
    tied: bool = False
    """Whether all components share one covariance."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Seed of the truth alone, so that other seeds draw new data from the same truth; by default
    the truth follows the experiment's seed."""

    def target(self) -> tuple[str, float]:
        """Return the name and value of the target."""
        return next((name, getattr(self, name)) for name in TARGETS if getattr(self, name))

    @property
    def condition_or_default(self) -> float:
        """Condition number of every covariance."""
        return self.condition or 5.0

    @property
    def scale_ratio_or_default(self) -> float:
        """Ratio of the components' standard deviations."""
        return self.scale_ratio or 1.5

    @property
    def concentration_or_default(self) -> float:
        """Concentration of the Dirichlet distribution of the weights."""
        return self.concentration or 5.0

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        given = [name for name in TARGETS if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"data.truth: {found} given, allowed is one of {', '.join(TARGETS)}")
        return self

    @model_validator(mode="after")
    def _every_knob_turns_something(self) -> Self:
        idle = {
            "condition": self.covariance == "spherical" and "covariance 'diagonal' or 'full'",
            "scale_ratio": self.tied and "tied = false",
            "concentration": self.weights != "dirichlet" and "weights = 'dirichlet'",
        }
        for name, needed in idle.items():
            if needed and getattr(self, name) is not None:
                raise ValueError(
                    f"data.truth.{name} = {getattr(self, name):g}: allowed with {needed} only"
                )
        return self


def _written_by_default(values: Any) -> Any:
    return {"kind": "written", **values} if isinstance(values, dict) else values


Truth = Annotated[
    Annotated[WrittenTruth | GeneratedTruth, Field(discriminator="kind")],
    BeforeValidator(_written_by_default),
]
