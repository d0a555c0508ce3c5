from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import Field, ValidationError

from experiments.config.experiment import ExperimentConfig
from experiments.config.messages import branch_tags, describe
from experiments.config.section import Section


class Circle(Section):
    kind: Literal["circle"]
    radius: float


class Square(Section):
    kind: Literal["square"]
    side: float


class Drawing(Section):
    shape: Annotated[Circle | Square, Field(discriminator="kind")]


def test_the_branches_of_unions_are_read_off_the_models():
    assert branch_tags(Drawing) == {"circle", "square"}
    with pytest.raises(ValidationError) as caught:
        Drawing.model_validate({"shape": {"kind": "square", "side": "long"}})
    assert describe(caught.value, Drawing) == "shape.side = 'long': allowed is a number"


def parts(annotation: Any) -> list[Any]:
    """An annotation and all that it is made of."""
    return [annotation, *(inner for part in get_args(annotation) for inner in parts(part))]


def literals(model: Any, key: str) -> set[str]:
    """Values of a key that tells the branches of a union apart, read off the classes' fields."""
    found = set()
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, Section):
                found |= literals(part, key)
                if key in part.model_fields:
                    found |= set(get_args(part.model_fields[key].annotation))
    return found


def test_no_branch_of_the_config_is_missing():
    tags = branch_tags(ExperimentConfig)
    expected = literals(ExperimentConfig, "kind") | literals(ExperimentConfig, "source")
    assert {"written", "generated", "lkj", "niw", "trend", "winner", "synthetic"} <= expected
    assert expected <= tags
