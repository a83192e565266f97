"""Everything that decides a training run, from one TOML file and the command line over it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from douga_shared.errors import ConfigurationError
from douga_worker.network.architecture import Shape

Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Sources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """Folders that samples are made from; in a file, relative to the file's own folder."""

    lines: tuple[str, ...] = ()
    """Clean line art, SVG files anywhere below."""
    most_drawings: Mapping[str, Count] = {}
    """By the name of one of these folders: so many of its drawings at most, chosen at random."""
    kept_apart: tuple[str, ...] = ()
    """Drawings to measure on, never learnt from: FOLDER/PATH.svg each, from the folder's own name on."""
    over_sketches: str | None = None
    """The unpacked StrokeStrip archive."""
    papers: str | None = None
    """Pictures of empty paper."""
    pairs: tuple[str, str] | None = None
    """Roughs, and their clean versions named alike."""


class Plan(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename=lambda name: "from" if name == "start_from" else name.replace("_", "-"),
):
    """A whole run; the field names, with dashes, are the options in the file."""

    minutes: Positive = 60.0
    """Length of the whole run; the learning rate falls to zero over it."""
    steps: Count | None = None
    """Length of the run in steps instead: the same on every machine, however long it takes."""
    batch: Count = 8
    """Crops a step."""
    crop_px: Count = 192
    """Edge of what one step sees of a sample; a multiple of the network's grid, 320 at most."""
    learning_rate: Positive = 1.5e-3
    """At its highest."""
    warm_up_steps: Count = 200
    """Over these the learning rate rises from nothing."""
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 1e-3
    average_decay: Share = 0.998
    """Per step, of the running mean of the weights (EMA), which is what is kept."""
    levels_weight: Annotated[float, msgspec.Meta(ge=0)] = 0.5
    """Of the coarse levels' own losses against that of the drawing."""
    start_from: str | None = None
    """Weights to fine-tune, a shipped name or a path; their shape then counts, not ``shape``."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Other seeds give other samples, crops and first weights."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``auto`` is bf16 (mixed: weights stay fp32) on a GPU that has it, fp32 on a CPU."""
    processes: Count = 1
    """Processes that make samples."""
    kept_samples: Count = 4_000
    """Newest samples to draw crops from; 0.2 MB each."""
    validation_samples: Count = 48
    checkpoint_minutes: Positive = 2.0
    """Between checkpoints; at each, the validation samples are drawn."""
    patience: Annotated[int, msgspec.Meta(ge=0)] = 20
    """So many checkpoints without a better validation loss end the run; 0 never does."""
    shape: Shape = Shape()
    """Of the network."""
    sources: Sources = Sources()


def read_plan(file: Path | None, given: Mapping[str, Any], given_sources: Mapping[str, Any]) -> Plan:
    """Read a plan.

    Args:
        file: TOML; None for the defaults.
        given: options that override the file's, by their name in the file.
        given_sources: the same for the table ``sources``.

    Raises:
        ConfigurationError: the file cannot be read, or an option is unknown or out of its range.
    """
    stated = _stated(file) if file else {}
    sources = stated.get("sources", {})
    if isinstance(sources, dict):
        sources = {**sources, **given_sources}
    try:
        plan = msgspec.convert({**stated, **given, "sources": sources}, Plan)
    except msgspec.ValidationError as fault:
        raise ConfigurationError(
            f"{file or 'options'}: {fault}; docs/training.md lists every option"
        ) from fault
    _check_shape(plan)
    return plan


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan as a file that ``read_plan`` reads."""
    path.write_text("\n".join(_toml(msgspec.to_builtins(plan))) + "\n", encoding="utf-8")


def _stated(file: Path) -> dict[str, Any]:
    try:
        stated = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigurationError(f"--config {file} cannot be read: {fault}") from fault
    sources = stated.get("sources")
    if isinstance(sources, dict):
        stated["sources"] = {name: _from_folder(file.parent, name, value) for name, value in sources.items()}
    start = stated.get("from")
    if isinstance(start, str) and start.endswith(".safetensors"):
        stated["from"] = str(file.parent / start)
    return stated


def _from_folder(folder: Path, name: str, value: Any) -> Any:
    if name in ("most-drawings", "kept-apart"):
        return value
    if isinstance(value, str):
        return str(folder / value)
    return [_from_folder(folder, name, item) for item in value] if isinstance(value, list) else value


def _check_shape(plan: Plan) -> None:
    shape = plan.shape
    if len(shape.channels) != len(shape.blocks) or len(shape.channels) < 2 or shape.unshuffle < 1:
        raise ConfigurationError(
            f"shape: {len(shape.channels)} channels and {len(shape.blocks)} blocks; give as many of each, "
            "one a level and two levels at least"
        )
    if min(*shape.channels, *shape.blocks) < 1:
        raise ConfigurationError("shape: channels and blocks are 1 or more at every level")


def _toml(table: Mapping[str, Any], name: str = "") -> Iterator[str]:
    """Lines of a table; its own values first, as TOML wants them, then the tables inside it."""
    if name:
        yield f"\n[{name}]"
    tables = {option: value for option, value in table.items() if isinstance(value, dict)}
    for option, value in table.items():
        if option not in tables and value is not None:
            # JSON writes numbers, strings and lists as TOML reads them.
            yield f"{_quoted(option)} = {json.dumps(value, ensure_ascii=False)}"
    for option, value in tables.items():
        if value:
            yield from _toml(value, f"{name}.{_quoted(option)}" if name else _quoted(option))


def _quoted(option: str) -> str:
    return option if re.fullmatch(r"[A-Za-z0-9_-]+", option) else json.dumps(option, ensure_ascii=False)
