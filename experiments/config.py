"""The experiment config: its schema, its defaults, and errors that name file, key and value."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from experiments.errors import UsageError

PositiveInt = Annotated[int, Field(ge=1)]
Vector = list[float]
Positive = Annotated[float, Field(gt=0)]
Matrix = list[Vector]


class Section(BaseModel):
    """A table of the config: strict types, no unknown keys, no infinities."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Truth(Section):
    """A mixture written out in the config."""

    weights: Vector
    """Weights of the components, positive, summing to one; length K."""
    means: Matrix
    """Means of the components, K rows of D numbers."""
    covariances: list[Matrix]
    """Covariances of the components, K symmetric positive-definite D x D matrices."""


class SyntheticData(Section):
    """Data drawn from a known mixture."""

    source: Literal["synthetic"]
    n_samples: PositiveInt = 600
    """Number of rows to draw for fitting."""
    n_test: Annotated[int, Field(ge=0)] = 0
    """Number of fresh rows to draw for the held-out log-likelihood."""
    truth: Truth
    """The mixture that the data are drawn from."""


class BuiltinData(Section):
    """A real data set that ships with the package."""

    source: Literal["builtin"]
    name: Literal["faithful", "galaxies", "iris"]
    """Which data set."""


class FileData(Section):
    """The user's own table of numbers."""

    source: Literal["file"]
    path: str
    """A CSV or .npy file; a relative path starts at the config's folder."""
    columns: list[str] | None = None
    """Names of the columns to use; by default every numeric column."""


Data = Annotated[SyntheticData | BuiltinData | FileData, Field(discriminator="source")]


class EMSettings(Section):
    """How the maximum-likelihood fit is made."""

    init_params: Literal[
        "auto", "ward", "quantiles", "kmeans", "k-means++", "random", "random_from_data", "textbook"
    ] = "auto"
    """How restarts begin; "auto" mixes all ways."""
    n_init: PositiveInt = 30
    """Number of restarts: short runs, the best half of which are carried to convergence."""
    max_iter: PositiveInt = 1000
    """Most EM iterations of a restart."""
    tol: Positive = 1e-10
    """Stop when the gain still to come in mean log-likelihood is estimated below this."""
    reg_covar: Annotated[float, Field(ge=0)] = 0.0
    """Added to the diagonal of every covariance."""
    n_bootstrap: Annotated[int, Field(ge=2)] = 200
    """Bootstrap replicates for the standard errors."""


class LKJSettings(Section):
    """Prior with separate scales and correlations: `gmm_bayes.LKJPrior`."""

    kind: Literal["lkj"] = "lkj"
    """Which family of priors."""
    concentration: Positive = 2.0
    """weights ~ Dirichlet(concentration, ..., concentration)."""
    mean_loc: float | Vector = 0.0
    """means ~ Normal(mean_loc, mean_scale) per feature."""
    mean_scale: Positive | list[Positive] = 1.0
    """Standard deviation of the prior of the means."""
    sd_scale: Positive | list[Positive] = 1.0
    """Standard deviations of the components ~ HalfNormal(sd_scale)."""
    eta: Positive = 1.0
    """Correlations ~ LKJ(eta)."""
    scale: Literal["standardised", "data"] = "standardised"
    """Whether the prior speaks of standardised features or of the data's own units."""


class NIWSettings(Section):
    """Conjugate prior, needed by the Gibbs sampler: `gmm_bayes.NIWPrior`."""

    kind: Literal["niw"]
    """Which family of priors."""
    concentration: Positive = 2.0
    """weights ~ Dirichlet(concentration, ..., concentration)."""
    mean_loc: float | Vector = 0.0
    """means | covariance ~ Normal(mean_loc, covariance / kappa)."""
    kappa: Positive = 0.1
    """How many observations the prior of a mean is worth."""
    nu: Positive | None = None
    """covariances ~ InverseWishart(nu, psi); by default the number of features plus 2."""
    psi: Positive | list[Positive] | Matrix = 0.25
    """Scale: a multiple of the identity, a diagonal, or a matrix."""
    scale: Literal["standardised", "data"] = "standardised"
    """Whether the prior speaks of standardised features or of the data's own units."""


def _lkj_by_default(values: Any) -> Any:
    return {"kind": "lkj", **values} if isinstance(values, dict) else values


Prior = Annotated[
    Annotated[LKJSettings | NIWSettings, Field(discriminator="kind")],
    BeforeValidator(_lkj_by_default),
]


class BayesSettings(Section):
    """How the posterior is drawn."""

    sampler: Literal["nuts", "gibbs"] = "nuts"
    """The sampling algorithm; "gibbs" needs the prior of kind "niw"."""
    draws: Annotated[int, Field(ge=4)] = 1000
    """Draws kept per chain."""
    tune: Annotated[int, Field(ge=1)] = 1000
    """Draws per chain spent on tuning, not kept."""
    chains: PositiveInt = 4
    """Number of chains."""
    prior: Prior = LKJSettings()
    """The prior."""

    @model_validator(mode="after")
    def _gibbs_is_conjugate(self) -> Self:
        if self.sampler == "gibbs" and self.prior.kind != "niw":
            raise ValueError("bayes.sampler = 'gibbs': allowed with bayes.prior.kind = 'niw' only")
        return self


class ExperimentConfig(Section):
    """One experiment: data, number of components, and how each engine fits them."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Name of the experiment, also of its run directory: letters, digits, '.', '_' and '-'."""
    description: str = ""
    """The question that the experiment asks."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Determines every random number of the run."""
    n_components: PositiveInt
    """Number of mixture components K."""
    engines: Annotated[list[str], Field(min_length=1)] = ["em", "bayes"]
    """What is fitted and compared: em, bayes, sklearn, sklearn-bayes, kmeans, or a plug-in."""
    data: Data
    """What is fitted to."""
    em: EMSettings = EMSettings()
    """The maximum-likelihood fit."""
    bayes: BayesSettings = BayesSettings()
    """The posterior."""
    settings: dict[str, dict[str, Any]] = {}
    """Settings of the other engines, a table under each one's name."""

    thresholds: dict[str, list[float]] = {}
    """Entries of the verdict's table of thresholds to replace, each [warn, fail]."""

    def engine_options(self, name: str) -> dict[str, Any]:
        """Return the settings of an engine, as its own schema expects them."""
        own: dict[str, Section] = {"em": self.em, "bayes": self.bayes}
        return own[name].model_dump() if name in own else self.settings.get(name, {})

    @model_validator(mode="after")
    def _engines_once(self) -> Self:
        if len(set(self.engines)) < len(self.engines):
            raise ValueError(f"engines: {self.engines} names an engine twice")
        if unused := sorted(set(self.settings) - set(self.engines)):
            raise ValueError(f"settings.{unused[0]}: no such engine among {self.engines}")
        return self

    def to_toml(self) -> str:
        """Return the config with every default written out, as a TOML document."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


def shipped_configs() -> dict[str, str]:
    """Return the text of each config that ships with the package, by name."""
    folder = resources.files("experiments") / "configs"
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read and validate a config.

    Parameters
    ----------
    source : str or Path
        A path to a TOML file, or the name of a shipped config.
    overrides : sequence of str
        ``KEY=VALUE`` strings; a dotted key reaches into tables, a value is read as TOML
        and, where it is none, as a string.

    Raises
    ------
    UsageError
        If there is no such config, it is not TOML, or a key or value is not allowed.
    """
    text, origin, folder = _find(source)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{origin}: not valid TOML: {error}") from None
    for override in overrides:
        _apply(values, override)
    config = parse_config(values, origin)
    if isinstance(config.data, FileData):
        path = str((folder / config.data.path).resolve())
        data = config.data.model_copy(update={"path": path})
        config = config.model_copy(update={"data": data})
    return config


def safe_name(text: str) -> str:
    """Turn any text into a name that an experiment may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "experiment"


def parse_config(values: Mapping[str, Any], origin: str) -> ExperimentConfig:
    """Validate the values of a config; `origin` is what errors call it."""
    try:
        return ExperimentConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{origin}: {describe(error, ExperimentConfig)}") from None


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in one line which key is wrong, what was found and what is allowed."""
    details = error.errors(include_url=False)
    first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    keys = {_key(detail["loc"]) for detail in details}
    more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
    key = _key(first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'{_nearest(key, _known_keys(model))}{more}"
    if first["type"] == "missing":
        return f"key '{key}' is missing{more}"
    if first["type"] == "value_error":
        return f"{first['msg'].removeprefix('Value error, ')}{more}"
    if first["type"].startswith("union_tag"):
        tag = first["ctx"]["discriminator"].strip("'")
        key, given = f"{key}.{tag}", first["input"]
        first = first | {"input": given.get(tag) if isinstance(given, dict) else given}
    return f"{key} = {_short(first['input'])}: allowed is {_allowed(first)}{more}"


def _key(location: Sequence[str | int]) -> str:
    # In a union pydantic adds the branch that it tried to the location: not a key of the config.
    labels = ("synthetic", "builtin", "file", "lkj", "niw", "float", "constrained-float")
    parts = [str(part) for part in location if part not in labels and "[" not in str(part)]
    return ".".join(parts) or "config"


def _nearest(key: str, known: Sequence[str]) -> str:
    if key in known:
        return f": it does not go with this kind of {key.rpartition('.')[0]}"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    near = near or difflib.get_close_matches(key.rpartition(".")[2], known, n=1, cutoff=0.6)
    if near:
        return f", did you mean '{near[0]}'?"
    return f"; known keys: {', '.join(k for k in known if '.' not in k)}"


def _allowed(detail: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    plain = {
        "int_type": "a whole number",
        "float_type": "a number",
        "string_type": "a string",
        "list_type": "a list",
        "model_type": "a table",
        "model_attributes_type": "a table",
        "dict_type": "a table",
        "finite_number": "a finite number",
    }
    if kind in plain:
        return plain[kind]
    if kind.startswith("union_tag"):
        return f"one of {context.get('expected_tags', 'the known kinds')}"
    if kind == "string_pattern_mismatch":
        return "letters, digits, '.', '_' and '-', beginning with a letter or digit"
    if kind == "greater_than_equal":
        return f"a number of at least {context['ge']:g}"
    if kind == "greater_than":
        return f"a number greater than {context['gt']:g}"
    if kind == "too_short":
        return f"a list of at least {context['min_length']}"
    return str(detail["msg"]).removeprefix("Input should be ")


def _find(source: str | Path) -> tuple[str, str, Path]:
    path = Path(source)
    shipped = shipped_configs()
    if str(source) in shipped:
        return shipped[str(source)], f"{source} (shipped)", Path.cwd()
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8"), str(path), path.parent
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: cannot be read as text: {error}") from None
    names = ", ".join(shipped)
    near = difflib.get_close_matches(str(source), shipped, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise UsageError(
        f"{source}: no such config{hint}: give a TOML file's path or one of {names}"
    ) from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    parts = key.strip().split(".")
    if not sign or not all(parts):
        raise UsageError(f"--set {override}: allowed is KEY=VALUE, for example em.n_init=5")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = values
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {override}: '{part}' is a value, not a table of keys")
    table[parts[-1]] = value


def _known_keys(model: type[BaseModel]) -> list[str]:
    schema = TypeAdapter(model).json_schema()
    definitions = schema.get("$defs", {})
    return list(dict.fromkeys(_walk(schema, definitions, "")))


def _walk(node: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str) -> Iterable[str]:
    for branch in (node, *node.get("oneOf", ()), *node.get("anyOf", ()), *node.get("allOf", ())):
        target = branch
        if "$ref" in branch:
            target = definitions[branch["$ref"].rpartition("/")[2]]
        for name, child in target.get("properties", {}).items():
            yield prefix + name
            yield from _walk(child, definitions, f"{prefix}{name}.")
        if target is not branch and "oneOf" in target:
            yield from _walk(target, definitions, prefix)


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
