"""Why a value is null: said once, at the field that may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel


@dataclass(frozen=True)
class Null:
    """What a null means, as metadata of a field: ``Annotated[float | None, Null("...")]``.

    Attributes
    ----------
    why : str
        The reason where the field itself is null.
    inside : str
        The reason of a null within the field's value that has none of its own.
    items : str
        The same of an item of a list within; by default `inside`.
    one_for_a_list : bool
        Whether all nulls of a list within have one reason, under the path of the list.
    """

    why: str = ""
    inside: str = ""
    items: str = ""
    one_for_a_list: bool = False

    def within(self, own: Null) -> Null:
        """Return what holds for a field inside this one that says `own` of itself."""
        inside = own.inside or self.inside
        return Null(
            why=own.why or self.inside,
            inside=inside,
            items=own.items or own.inside or self.items or inside,
            one_for_a_list=own.one_for_a_list or self.one_for_a_list,
        )


# Reasons that several fields have.
NO_PAIR = "EM and the posterior were not both fitted"
ALL_SCORED = Null("all rows were scored")
NO_TEST = Null("no rows were held out")
NO_TRUTH = Null("no truth is known")
NOT_FITTED = Null("this engine was not fitted")
EARLIER = Null("an earlier version wrote the file")
POINT_ONLY = Null("this engine gives a point estimate only")


def null_reasons(value: BaseModel) -> dict[str, str]:
    """Return a reason for each null of a value by its dotted path; list elements count from 0.

    Raises
    ------
    TypeError
        If something is null, and neither its field nor one above says why.
    """
    return dict(_of_fields(value, "", Null()))


def _of_fields(value: BaseModel, path: str, above: Null) -> Iterator[tuple[str, str]]:
    for name, field in type(value).model_fields.items():
        own = next((found for found in field.metadata if isinstance(found, Null)), Null())
        below = f"{path}.{name}" if path else name
        yield from _of_value(getattr(value, name), below, above.within(own))


def _of_value(value: object, path: str, known: Null) -> Iterator[tuple[str, str]]:
    if value is None:
        if not known.why:
            raise TypeError(f"{path} is null, and no field says why it may be")
        yield path, known.why
    elif isinstance(value, BaseModel):
        yield from _of_fields(value, path, known)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _of_value(part, f"{path}.{key}", replace(known, why=known.inside))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            below = path if known.one_for_a_list else f"{path}.{index}"
            yield from _of_value(part, below, replace(known, why=known.items))
