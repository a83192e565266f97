"""Everything that decides the pixels of a drawing, and its fingerprint."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

from douga_shared.errors import ConfigurationError


class Output(StrEnum):
    """A kind of file written for every frame."""

    PNG = "png"
    """8-bit grey line on white."""
    PNG_ALPHA = "png-alpha"
    """Black line on transparent paper."""
    TGA = "tga"
    """2-value (black and white, no anti-aliasing) TGA for paint software."""
    TIF = "tif"
    """2-value G4 TIFF for paint software."""
    SVG = "svg"
    """Outlines of the lines as vectors."""

    @property
    def file_suffix(self) -> str:
        """What follows the frame's stem in the file name, such as ``.png``."""
        return "-alpha.png" if self is Output.PNG_ALPHA else f".{self.value}"


class Precision(StrEnum):
    """Number format of the network's arithmetic."""

    AUTO = "auto"
    """What the device does best; results agree within the stated tolerance."""
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"

    def on(self, device: str) -> Precision:
        """Return what ``AUTO`` means on ``cpu`` or ``cuda``; any other is what it says."""
        if self is not Precision.AUTO:
            return self
        return Precision.BF16 if device == "cuda" else Precision.FP32


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a scan becomes a drawing: drawing = f(scan, recipe), nothing else.

    Raises:
        ConfigurationError: a value is outside its range.
    """

    network: str = "fast"
    """Name of the shipped network, or of a weights file of the user's."""
    network_sha256: str
    """Hash of the weights file, so that new weights make a new recipe."""
    strength: float = 0.5
    """How much is simplified away: 0 keeps every deliberate stroke, 1 only the essential."""
    line_weight_px: float | None = None
    """Line width in scan pixels, or None to keep the width of the pencil."""
    precision: Precision = Precision.AUTO
    version: int = 1
    """Version of the processing around the network; raised when its pixels change."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0:
            raise ConfigurationError(f"strength {self.strength} is outside 0..1")
        if self.line_weight_px is not None and not 0.5 <= self.line_weight_px <= 64.0:
            raise ConfigurationError(
                f"line weight {self.line_weight_px} px is outside 0.5..64; use 'keep' for the pencil's own"
            )
        # 1 and 1.0 decide the same pixels, so they must be written, and fingerprinted, alike; so must -0.0.
        msgspec.structs.force_setattr(self, "strength", float(self.strength) + 0.0)
        if self.line_weight_px is not None:
            msgspec.structs.force_setattr(self, "line_weight_px", float(self.line_weight_px))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change exactly when the pixels may."""
        canonical = msgspec.json.encode(self, order="sorted")
        return hashlib.sha256(canonical).hexdigest()[:16]
