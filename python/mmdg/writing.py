"""Making a store of arrays."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mmdg import _native
from mmdg.errors import InputError

__all__ = ["write"]


def write(
    path: str | os.PathLike[str],
    modalities: Mapping[str, ArrayLike],
    *,
    labels: Sequence[int] | Sequence[float] | Sequence[str] | np.ndarray[Any, Any],
    classes: Sequence[str] | None = None,
    values: str | None = None,
    domain: str | Sequence[str] | np.ndarray[Any, Any] = "all",
    split: str | Sequence[str] | np.ndarray[Any, Any] = "train",
    ids: Sequence[str] | None = None,
    valid: Mapping[str, ArrayLike] | None = None,
    dtype: DTypeLike | None = None,
    kinds: Mapping[str, Literal["video", "flow", "audio", "features"]] | None = None,
    jpeg: Mapping[str, int] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> None:
    """Writes a store of `rows` rows. The folder `path` appears once everything is written; an error leaves nothing behind.

    modalities: arrays `[rows, …]` by name (lower-case letters, digits and "-"): floating-point features, or uint8 clips.
    labels: `[rows]`, names of classes (str), or whole numbers: places in `classes`, or without it names themselves.
    classes: all classes' names, in order; without it those that occur, sorted, numbers as numbers.
    values: the unit of labels that are values and not classes, "" for none; they are kept as float32.
    domain, split: `[rows]`, or one word for all rows; a domain is a name or a whole number that is one; a split is "train", "val" or "test".
    ids: `[rows]`, unique; without it the numbers of the rows.
    valid: by modality bool `[rows]`; False for rows that the modality lacks, which are stored as zeros whatever the array holds.
    dtype: how features are stored, "float16" or "float32" or numpy's types for these; None keeps float16 and makes everything else float32. Clips stay uint8.
    kinds: what a modality shows; without it the kind that its name begins with ("video", "flow", "audio"), else "video" of clips and "features", which is anything, of the rest.
    jpeg: by modality the quality, 1 to 100, at which its clips (uint8 `[rows, frames, height, width, 3]`) are stored as JPEG.
    recipe: anything JSON can hold that says how the data was made. Training and `mmdg inspect` show its hash.

    Raises InputError for values that are not finite or that dtype cannot hold (it names the row), for arrays that do not fit each other,
    and where `path` holds something already. The arrays must not change meanwhile; other threads run.
    """
    if not isinstance(modalities, Mapping) or not modalities:
        raise InputError("modalities: expected at least one array by name")
    rows = len(labels)
    if rows == 0:
        raise InputError("labels: no rows; expected at least one")
    for argument, by_name in (("valid", valid), ("kinds", kinds), ("jpeg", jpeg)):
        for name in by_name or {}:
            if name not in modalities:
                raise InputError(f"{argument}: no modality {name!r}; expected some of {', '.join(modalities)}")
    wanted = _stored(dtype)
    given_labels = _labels(_each("labels", labels, rows), classes, values)
    domain_places, domain_names = _places("domain", _each("domain", domain, rows), None)
    names = [str(name) for name in (range(rows) if ids is None else _each("ids", ids, rows))]
    given = []
    for name, features in modalities.items():
        array, stored = _array(name, features, rows, wanted)
        there = None if valid is None or name not in valid else [bool(v) for v in _each(f"valid[{name!r}]", valid[name], rows)]
        given.append((name, (kinds or {}).get(name), stored, array, there, (jpeg or {}).get(name)))
    lines = list(zip(names, domain_places, _each("split", split, rows)))
    _native.write(path, given, lines, given_labels, domain_names, json.dumps(dict(recipe or {}), allow_nan=False))


def _whole(argument: str, values: Any) -> np.ndarray[Any, Any]:
    """The array; one with a mask would lose it here."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        raise InputError(f"{argument}: {int(np.ma.getmaskarray(values).sum())} elements are masked; expected none (`valid` says which rows there are)")
    return np.asarray(values)


def _each(argument: str, value: Any, rows: int) -> list[Any]:
    """A value a row."""
    if isinstance(value, str):
        return [value] * rows
    values = _whole(argument, value)
    if values.shape != (rows,):
        raise InputError(f"{argument}: shape {list(values.shape)}; expected [{rows}], as there are labels")
    return list(values.tolist())


def _labels(labels: list[Any], classes: Sequence[str] | None, unit: str | None) -> tuple[list[int], list[str]] | tuple[list[float], str]:
    """Places of classes with their names, or values with their unit."""
    if unit is None:
        return _places("labels", labels, classes)
    if classes is not None:
        raise InputError("classes and values: expected one of them")
    for row, value in enumerate(labels):
        if type(value) not in (int, float) or not np.isfinite(value):
            raise InputError(f"labels: row {row} is {value!r}; expected a finite number")
    return [float(value) for value in labels], unit


def _places(argument: str, values: list[Any], names: Sequence[str] | None) -> tuple[list[int], list[str]]:
    """Where each value stands in the list of names, and that list."""
    places: dict[Any, int]
    if all(isinstance(value, str) for value in values):
        names = sorted(set(values)) if names is None else [str(name) for name in names]
        places = {name: place for place, name in enumerate(names)}
    elif all(type(value) is int for value in values):
        if names is None:
            places = {value: place for place, value in enumerate(sorted(set(values)))}
            names = [str(value) for value in places]
        else:
            names = [str(name) for name in names]
            places = {place: place for place in range(len(names))}
    else:
        raise InputError(f"{argument}: expected names (str), or whole numbers (int)")
    for row, value in enumerate(values):
        if value not in places:
            expected = ", ".join(map(repr, list(places)[:8])) + (f" and {len(places) - 8} more" if len(places) > 8 else "")
            raise InputError(f"{argument}: row {row} is {value!r}; expected one of {expected}")
    return [places[value] for value in values], names


def _stored(dtype: Any) -> str | None:
    """The name of the type to store, however it is given: "float16", np.float16, np.dtype("<f2"), …"""
    if dtype is None:
        return None
    try:
        name: str = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in ("float16", "float32"):
        raise InputError(f"dtype {name!r}; expected float16 or float32")
    return name


def _array(name: str, values: ArrayLike, rows: int, dtype: str | None) -> tuple[np.ndarray[Any, Any], str]:
    """The rows in C order, and the element type that they are stored in."""
    array = _whole(f"modality {name!r}", values)
    if array.ndim < 2 or array.shape[0] != rows:
        raise InputError(f"modality {name!r}: shape {list(array.shape)}; expected [{rows}, …], as there are labels")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array), "u8"
    if array.dtype.kind != "f":
        raise InputError(f"modality {name!r}: {array.dtype}; expected floating-point features, or uint8 clips")
    native = array.dtype.type if array.dtype.itemsize <= 8 else np.float64
    stored = dtype or ("float16" if native is np.float16 else "float32")
    return np.ascontiguousarray(array, dtype=native), {"float16": "f16", "float32": "f32"}[stored]
