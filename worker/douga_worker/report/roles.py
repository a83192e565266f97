"""The small pictures that the report shows of every frame, and where they live."""

from __future__ import annotations

from enum import StrEnum

from douga_shared import object_keys


class PictureRole(StrEnum):
    """What a picture is for."""

    SCAN = "scan"
    """The scan as it lies on the table: JPEG, colour where the scan has any."""
    LINES = "lines"
    """The clean lines, black on white: PNG, the same size in pixels as the ``SCAN`` picture."""
    THUMB = "thumb"
    """The clean lines, small, for the contact sheet: WebP."""
    STROKES = "strokes"
    """The strokes, in layers, see ``stroke_picture``: SVG. There where the drawing was traced to strokes."""

    @property
    def suffix(self) -> str:
        """Suffix of the picture's file, without the dot."""
        return _SUFFIXES[self]

    def object_key(self, stem: str) -> str:
        """Where the picture of the frame named ``stem`` lives below the job's destination."""
        return object_keys.report_image(stem, self.value, self.suffix)


_SUFFIXES = {
    PictureRole.SCAN: "jpg",
    PictureRole.LINES: "png",
    PictureRole.THUMB: "webp",
    PictureRole.STROKES: "svg",
}
