"""Weights files: safetensors, never pickle; checked before they are used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from douga_shared.errors import ConfigurationError
from douga_shared.shipped_networks import SHIPPED_SHA256
from douga_worker.network.architecture import Shape, SimplificationNetwork

FORMAT = "douga-simplification-1"


@dataclass(frozen=True, slots=True)
class Weights:
    """A network ready to be built."""

    name: str
    sha256: str
    shape: Shape
    tensors: dict[str, torch.Tensor]
    notes: dict[str, str]
    """What the training wrote about itself: data, steps, figures."""

    def build(self) -> SimplificationNetwork:
        """Return the network in evaluation mode, fp32, on the CPU.

        Raises:
            ConfigurationError: the tensors do not fit the shape that the file states.
        """
        network = SimplificationNetwork(self.shape)
        try:
            network.load_state_dict(self.tensors)
        except RuntimeError as mismatch:
            raise ConfigurationError(
                f"weights '{self.name}' do not fit the network they state: {mismatch}; "
                "use a file written by 'douga train'"
            ) from mismatch
        return network.eval()


def find_weights(name_or_path: str) -> Path:
    """Return the file of a shipped network's name, or of a path.

    Raises:
        ConfigurationError: neither a shipped name nor an existing file.
    """
    if name_or_path in SHIPPED_SHA256:
        return Path(str(resources.files("douga_worker.network") / "shipped" / f"{name_or_path}.safetensors"))
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = ", ".join(sorted(SHIPPED_SHA256))
    raise ConfigurationError(
        f"no network '{name_or_path}': give one of {known}, or the path of a file written by 'douga train'"
    )


def load_weights(name_or_path: str) -> Weights:
    """Read and check a weights file.

    Raises:
        ConfigurationError: missing, damaged, of another program, or not the file that was shipped.
    """
    path = find_weights(name_or_path)
    try:
        data = path.read_bytes()
    except OSError as fault:
        remedy = "reinstall Douga" if name_or_path in SHIPPED_SHA256 else "check its permissions"
        raise ConfigurationError(f"weights {path} cannot be read: {fault.strerror}; {remedy}") from fault
    sha256 = hashlib.sha256(data).hexdigest()
    pinned = SHIPPED_SHA256.get(name_or_path)
    if pinned and pinned != sha256:
        raise ConfigurationError(f"shipped weights {path.name} are damaged (wrong hash); reinstall Douga")
    try:
        tensors = load_tensors(data)
        with safe_open(path, framework="pt") as header:
            notes = dict(header.metadata() or {})
    except SafetensorError as fault:
        raise ConfigurationError(
            f"weights {path} are damaged or no safetensors file ({fault}); train again or restore the file"
        ) from fault
    if notes.get("format") != FORMAT:
        raise ConfigurationError(
            f"{path} holds no Douga network (format {notes.get('format')!r}, wanted {FORMAT!r}); "
            "use a file written by 'douga train'"
        )
    return Weights(
        name=name_or_path, sha256=sha256, shape=_stated_shape(path, notes), tensors=tensors, notes=notes
    )


def write_weights(path: Path, network: SimplificationNetwork, notes: dict[str, str]) -> None:
    """Write a weights file whole or not at all, in 16-bit floats: half the size, and no line moves by it.

    Args:
        path: of the file; its folder is made.
        network: on any device, in any mode.
        notes: what the file says about itself; ``format`` and ``shape`` are added.
    """
    tensors = {name: value.detach().half().contiguous() for name, value in network.state_dict().items()}
    metadata = {**notes, "format": FORMAT, "shape": json.dumps(asdict(network.shape))}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    temporary.write_bytes(save_tensors(tensors, metadata))
    temporary.replace(path)


def _stated_shape(path: Path, notes: dict[str, str]) -> Shape:
    try:
        stated = json.loads(notes["shape"])
        return Shape(tuple(stated["channels"]), tuple(stated["blocks"]), int(stated["unshuffle"]))
    except (KeyError, TypeError, ValueError) as fault:
        raise ConfigurationError(
            f"weights {path} do not state the shape of their network; use a file written by 'douga train'"
        ) from fault
