"""What every SVG of Douga has in common: a head, numbers, paths and text that all readers understand."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

_NOT_XML = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg_document(
    body: str, size_px: tuple[int, int], *, dpi: float | None, title: str, recipe_fingerprint: str
) -> str:
    """Put a head on the layers of a drawing.

    Units are scan pixels: ``width`` and ``height`` have none and are those of ``viewBox``, because
    OpenToonz does not scale by it. The resolution is in ``data-dpi`` and in the metadata.

    Args:
        body: definitions and layers.
        size_px: width, height.
        dpi: of the scan; None leaves it out.
        title: shown by editors; any text, it is escaped.
        recipe_fingerprint: kept in the metadata.
    """
    width, height = size_px
    data_dpi = "" if dpi is None else f' data-dpi="{number(dpi)}"'
    own_dpi = "" if dpi is None else f' dpi="{number(dpi)}"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg"'
        ' xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}"{data_dpi}>\n'
        f"<title>{xml_text(title)}</title>\n"
        f'<metadata><drawing xmlns="urn:douga" recipe="{xml_text(recipe_fingerprint)}"{own_dpi}/>'
        "</metadata>\n"
        f"{body}</svg>\n"
    )


def svg_layer(name: str, body: str, attributes: str = "") -> str:
    """Wrap elements into a layer; Inkscape shows it as one, and so does whoever goes by groups or ids."""
    return f'<g id="{name}" inkscape:groupmode="layer" inkscape:label="{name}"{attributes}>\n{body}</g>\n'


def path_data(curves: NDArray[np.float64], *, is_closed: bool) -> str:
    """Write chained cubics, (N, 4, 2), as absolute M, C and Z."""
    start = " ".join(map(number, curves[0, 0].tolist()))
    rest = (" ".join(map(number, curve)) for curve in curves[:, 1:].reshape(-1, 6).tolist())
    return f"M{start}C{'C'.join(rest)}{'Z' if is_closed else ''}"


def number(value: float, decimals: int = 2) -> str:
    """Write a number as shortly as its decimals allow; two make an error of .005 px."""
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def xml_text(text: str) -> str:
    """Escape for XML; what XML cannot hold at all (control characters, half surrogates) becomes U+FFFD."""
    return escape(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})
