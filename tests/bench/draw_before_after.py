"""Draw roughs above what became of them: the sheet of the network card.

douga clean ROUGH DRAWN
python -m tests.bench.draw_before_after ROUGH DRAWN docs/images/network-before-after.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageOps

CELL_PX, GAP_PX, COLUMNS = 380, 6, 5
_BACKGROUND = "#777777"
_COLOURS = 96
"""Enough for pencils on paper, and a third of the bytes."""


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("rough", "drawn", "out"):
        parser.add_argument(name, type=Path)
    asked = parser.parse_args()
    roughs = sorted(asked.rough.glob("*.png"))
    sheet = draw_sheet([(rough, asked.drawn / rough.name) for rough in roughs])
    sheet.quantize(_COLOURS).save(asked.out, optimize=True)


def draw_sheet(pairs: list[tuple[Path, Path]]) -> Image.Image:
    """Put pictures side by side, ``COLUMNS`` in a row, the second of each pair below its first."""
    step_x, step_y = CELL_PX + GAP_PX, 2 * CELL_PX + 3 * GAP_PX
    rows = -(-len(pairs) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * step_x + GAP_PX, rows * step_y + GAP_PX), _BACKGROUND)
    for number, pair in enumerate(pairs):
        x, y = GAP_PX + number % COLUMNS * step_x, GAP_PX + number // COLUMNS * step_y
        for below, path in enumerate(pair):
            picture = _on_white(path)
            beside = (CELL_PX - picture.width) // 2, (CELL_PX - picture.height) // 2
            sheet.paste(picture, (x + beside[0], y + below * (CELL_PX + GAP_PX) + beside[1]))
    return sheet


def _on_white(path: Path) -> Image.Image:
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file).convert("RGBA")
    whole = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    whole.thumbnail((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
    return whole


if __name__ == "__main__":
    main()
