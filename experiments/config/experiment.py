"""The experiment config: its schema, its defaults, and how it is found and read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from experiments.config.conclusion import Conclusion
from experiments.config.data import Data
from experiments.config.engines import BayesSettings, EMSettings
from experiments.config.programs import ProgramsSettings
from experiments.config.section import PositiveInt, Section
from experiments.config.sweep import SweepSettings
from experiments.core.errors import UsageError
from gmm_em.covariance.registry import NAMES, STRUCTURES

# What stands for all fourteen structures.
ALL = "all"
# What a structure may be called.
COVARIANCE_NAMES = (ALL, *NAMES)


def structures_meant(given: str | Sequence[str]) -> str | Sequence[str]:
    """Return the names that `ALL` stands for; any other name, or names, as they are."""
    return list(STRUCTURES) if given == ALL else given


def _known_structures(given: str | list[str]) -> str | Sequence[str]:
    names = structures_meant(given)
    for name in [names] if isinstance(names, str) else names:
        if name not in NAMES:
            raise ValueError(
                f"covariance_type = {name!r}: allowed is {ALL}, or one or several of "
                f"{', '.join(NAMES)}"
            )
    if len(set(names)) < len(names) and not isinstance(names, str):
        raise ValueError(f"covariance_type = {names}: allowed is each name once")
    return names


class ExperimentConfig(Section):
    """One experiment: data, number of components, and how each engine fits them."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Name of the experiment, also of its run directory: letters, digits, '.', '_' and '-'."""
    description: str = ""
    """The question that the experiment asks."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Determines every random number of the run."""
    n_components: PositiveInt | Annotated[list[PositiveInt], Field(min_length=1)] | Literal["auto"]
    """Number of mixture components K; of several, each is fitted, and criteria choose; "auto" draws
    K from its posterior by the engine bayes-auto, and fits the probable numbers."""
    covariance_type: Annotated[
        str | Annotated[list[str], Field(min_length=1)],
        AfterValidator(_known_structures),
        WithJsonSchema({"anyOf": [{"enum": list(COVARIANCE_NAMES)}, {"type": "array"}]}),
    ] = "full"
    """What the covariances of every fit leave free, by a name of scikit-learn or of mclust; of
    several, or of "all", EM's BIC chooses one. Of our engines, em, bayes and kmeans fit all
    fourteen, the others scikit-learn's four."""
    engines: list[str] = Field(default=["em", "bayes"], min_length=1)
    """What is fitted and compared: em, bayes, bayes-auto, sklearn, sklearn-bayes, kmeans, or a
    plug-in; by default em and bayes, or where `n_components` is "auto" em and bayes-auto."""
    data: Data
    """What is fitted to."""
    full: bool = False
    """Whether rows are treated in full however many they are: otherwise, where there are many,
    settings of `em` and `bayes` that are not named here follow from the size of the data, and some
    rows stand for all in leave-one-out."""
    em: EMSettings = EMSettings()
    """The maximum-likelihood fit."""
    bayes: BayesSettings = BayesSettings()
    """The posterior."""
    settings: dict[str, dict[str, Any]] = Field(default={})
    """Settings of the other engines, a table under each one's name."""

    sbc: bool = False
    """Whether the config is meant for `gmm-compare sbc`, which draws the truths from its prior."""
    programs: ProgramsSettings | None = None
    """Makes the config one of programs: every one that is installed draws the posterior."""
    thresholds: dict[str, list[float]] = Field(default={})
    """Entries of the verdict's table of thresholds to replace, each [warn, fail]."""
    sweep: SweepSettings | None = None
    """Makes the config a sweep: many experiments with something varied."""
    conclusion: Conclusion | None = None
    """What the one sentence at the end of a sweep is about."""
    quick: dict[str, Any] = Field(default={})
    """What `--quick` changes: dotted keys and their values; a table adds to the one it meets."""

    def engine_options(self, name: str) -> dict[str, Any]:
        """Return the settings of an engine, as its own schema expects them."""
        own: dict[str, Section] = {"em": self.em, "bayes": self.bayes}
        return own[name].model_dump() if name in own else self.settings.get(name, {})

    @property
    def kind(self) -> str:
        """What it is for.

        "sbc", "programs", "sweep", "choose-k" (several numbers or structures) or "run".
        """
        if self.sbc:
            return "sbc"
        if self.programs is not None:
            return "programs"
        if self.sweep is not None:
            return "sweep"
        one = isinstance(self.n_components, int) and isinstance(self.covariance_type, str)
        return "run" if one else "choose-k"

    def only_structure(self, where: str) -> str:
        """Return the structure of the covariances, where there is no choice among several.

        Raises
        ------
        UsageError
            If there are several; `where` says where there can be one only.
        """
        if not isinstance(self.covariance_type, str):
            raise UsageError(
                f"covariance_type = {self.covariance_type}: allowed {where} is one name"
            )
        return self.covariance_type

    @model_validator(mode="before")
    @classmethod
    def _auto_has_its_engine(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("n_components") == "auto":
            return {"engines": ["em", "bayes-auto"], **values}
        return values

    @model_validator(mode="after")
    def _engines_once(self) -> Self:
        if len(set(self.engines)) < len(self.engines):
            raise ValueError(f"engines: {self.engines} names an engine twice")
        if not isinstance(self.covariance_type, str) and (self.sweep is not None or self.sbc):
            raise ValueError(
                f"covariance_type = {self.covariance_type}: allowed where something is swept or "
                "calibrated is one name"
            )
        if own := sorted({"em", "bayes"} & set(self.settings)):
            raise ValueError(f"settings.{own[0]}: allowed is the table [{own[0]}]")
        if unused := sorted(set(self.settings) - set(self.engines)):
            raise ValueError(f"settings.{unused[0]}: no such engine among {self.engines}")
        return self

    @model_validator(mode="after")
    def _programs_alone(self) -> Self:
        if self.programs is None:
            return self
        if self.sbc or self.sweep is not None:
            raise ValueError("programs: allowed without sbc and without a table [sweep]")
        if not isinstance(self.n_components, int) or self.covariance_type != "full":
            raise ValueError("programs: allowed is one n_components, and full covariances")
        return self

    def named_options(self, name: str) -> dict[str, Any]:
        """Return the settings of an engine that the config names, without defaults."""
        own: dict[str, Section] = {"em": self.em, "bayes": self.bayes}
        if name in own:
            return own[name].model_dump(exclude_unset=True)
        return self.settings.get(name, {})

    def to_toml(self, without: Collection[str] = ()) -> str:
        """Return the config with every default written out, as a TOML document.

        Parameters
        ----------
        without : collection of str
            Dotted keys to leave out: those whose values were chosen by the size of the data, and
            would be chosen again.
        """
        values = self.model_dump(exclude_none=True)
        for key in without:
            table, _, name = key.rpartition(".")
            (values[table] if table else values).pop(name, None)
        return tomli_w.dumps(values)
