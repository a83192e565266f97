"""The SVG of a drawing: true to the lines, valid whatever the title, quiet about blanks."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import vtracer
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.line_images import Lines, Pen, character, overlap, render_svg, ring

from douga_shared.errors import FrameRejected, Reason
from douga_worker.steps import vectorise as step
from douga_worker.steps.straying_curves import find_edge, find_straying, lay_onto_edge
from douga_worker.steps.vectorise import vectorise

SVG = "{http://www.w3.org/2000/svg}"
INKSCAPE = "{http://www.inkscape.org/namespaces/inkscape}"


def _svg(lines: Lines, title: str = "A0001", dpi: float | None = 200.0) -> bytes:
    return vectorise(lines, dpi=dpi, title=title, recipe_fingerprint="0123456789abcdef")


def _parsed(lines: Lines, title: str = "A0001", dpi: float | None = 200.0) -> ElementTree.Element:
    return ElementTree.fromstring(_svg(lines, title, dpi))


def _layer(root: ElementTree.Element) -> ElementTree.Element:
    layer = root.find(f"{SVG}g")
    assert layer is not None
    return layer


def _hard(lines: Lines) -> Lines:
    return np.where(lines >= 128, 255, 0).astype(np.uint8)


def _farthest_apart(one: Lines, other: Lines) -> float:
    """Largest distance, px, from black in one page to black in the other, both ways."""
    blacks = (one >= 128, other >= 128)
    away = [cv2.distanceTransform((~black).astype(np.uint8), cv2.DIST_L2, 5) for black in blacks]
    return float(max(away[1][blacks[0]].max(), away[0][blacks[1]].max()))


def test_svg_drawn_again_is_the_drawing() -> None:
    """Rendered at the scan's size, the outlines cover the lines they were made from."""
    lines = character(600, 6.0)
    assert overlap(_hard(render_svg(_svg(lines), 600, 600)), _hard(lines)) >= 0.93


def test_thin_lines_keep_their_weight() -> None:
    """Outlining neither fattens nor starves lines of 3 px by more than 4 %."""
    pen = Pen(500, 500)
    for radius_px in (30, 90, 150, 210):
        pen.stroke(ring((250.3, 249.6), radius_px), 3.0)
    lines = pen.page()
    drawn = render_svg(_svg(lines), 500, 500)
    assert float(drawn.sum()) / float(lines.sum()) == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("splice_threshold", [20, 60])
@pytest.mark.parametrize(("rise_px", "width_px"), [(40.0, 5.0), (90.0, 10.0)])
def test_long_gentle_arc_keeps_to_its_line(
    monkeypatch: pytest.MonkeyPatch, splice_threshold: int, rise_px: float, width_px: float
) -> None:
    """At a threshold of 60 the fit of vtracer leaves these arcs by 3 and 5 px; none of that gets through."""
    monkeypatch.setitem(step.VTRACER_SETTINGS, "splice_threshold", splice_threshold)
    angles = np.linspace(0.3, 2.8, 9000)
    pen = Pen(200, 700)
    pen.stroke(np.stack([350 + 320 * np.cos(angles), 60 + rise_px * np.sin(angles)], axis=1), width_px)
    lines = pen.page()
    assert _farthest_apart(render_svg(_svg(lines), 200, 700), lines) < 1.5


def test_straying_curve_is_laid_back_onto_the_edge() -> None:
    """A chord across a disc is replaced by curves that follow the disc's rim."""
    y, x = np.mgrid[:200, :200]
    is_ink = (x - 99.5) ** 2 + (y - 99.5) ** 2 < 80**2
    edge = find_edge(is_ink)
    start, end = np.array([180.0, 100.0]), np.array([100.0, 180.0])
    chord = np.stack([start, start + (end - start) / 3, end - (end - start) / 3, end])
    assert [True] == find_straying(chord[None], edge).tolist()
    laid = lay_onto_edge(chord, edge)
    assert not find_straying(laid, edge).any()
    assert np.abs(np.hypot(*(laid[:, 3] - 100).T) - 80).max() < 0.7


def test_svg_speaks_in_scan_pixels() -> None:
    """Size and viewBox are the scan's pixels, without a unit; the resolution is noted beside them."""
    lines = np.pad(character(120), ((0, 0), (0, 40)))
    root = _parsed(lines)
    assert ("160", "120", "0 0 160 120", "200") == tuple(
        root.get(name) for name in ("width", "height", "viewBox", "data-dpi")
    )
    drawing = root.find(f"{SVG}metadata/{{urn:douga}}drawing")
    assert drawing is not None
    assert {"recipe": "0123456789abcdef", "dpi": "200"} == drawing.attrib


def test_unknown_resolution_is_left_out() -> None:
    """Nothing is claimed about the resolution when the scan states none."""
    assert b"dpi" not in _svg(character(80), dpi=None)


def test_lines_are_one_black_layer_of_plain_paths() -> None:
    """Editors find one layer of absolute M, C, Z paths with short ids, no transform and no paper."""
    svg = _svg(character(200)).decode()
    root = ElementTree.fromstring(svg)
    layer = _layer(root)
    assert ("lines", "layer", "lines", "#000000") == (
        layer.get("id"),
        layer.get(f"{INKSCAPE}groupmode"),
        layer.get(f"{INKSCAPE}label"),
        layer.get("fill"),
    )
    assert [f"f{number:04d}" for number in range(1, len(layer) + 1)] == [path.get("id") for path in layer]
    for path in layer:
        assert {"id", "d"} == set(path.attrib)
        assert re.fullmatch(r"(M[-\d. ]+(C[-\d. ]+)+Z)+", path.get("d", ""))
    assert "transform" not in svg
    assert "rect" not in svg
    assert not re.search(r"\.\d{3}", svg)


def test_same_drawing_gives_the_same_bytes() -> None:
    """A retake under the same recipe changes nothing."""
    lines = character(150)
    assert _svg(lines) == _svg(lines.copy())


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("</title><script>alert(1)</script>", "</title><script>alert(1)</script>"),
        ("a & b \"c\" 'd'.png", "a & b \"c\" 'd'.png"),
        ("動画 №1", "動画 №1"),
        ("bell\x07 null\x00 line\nfeed", "bell\ufffd null\ufffd line\ufffdfeed"),
        ("half \udcff surrogate \uffff", "half \ufffd surrogate \ufffd"),
        ("]]> <!--", "]]> <!--"),
    ],
)
def test_hostile_title_stays_a_title(title: str, shown: str) -> None:
    """Any file name comes back as text; what XML cannot hold is replaced."""
    root = _parsed(character(60), title)
    assert shown == root.findtext(f"{SVG}title")
    assert {f"{SVG}title", f"{SVG}metadata", f"{SVG}g"} == {child.tag for child in root}


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (60, 80)])
def test_blank_drawing_is_an_empty_layer(shape: tuple[int, int]) -> None:
    """No line, no path: a valid SVG all the same."""
    assert 0 == len(_layer(_parsed(np.zeros(shape, np.uint8))))


def test_all_black_drawing_is_covered() -> None:
    """A page of nothing but black comes back black to its borders."""
    lines = np.full((50, 70), 255, np.uint8)
    assert overlap(render_svg(_svg(lines), 50, 70), lines) > 0.99


@pytest.mark.parametrize("value", [0, 127, 255])
def test_single_pixel_gives_a_valid_svg(value: int) -> None:
    """The smallest image there is neither crashes nor breaks the file."""
    assert "0 0 1 1" == _parsed(np.full((1, 1), value, np.uint8)).get("viewBox")


def test_image_without_pixels_is_rejected() -> None:
    """An empty array is a frame's fault, with its reason."""
    with pytest.raises(FrameRejected, match="A0001") as rejected:
        _svg(np.zeros((0, 10), np.uint8))
    assert Reason.EMPTY is rejected.value.reason


def test_faint_tip_reaches_as_far_as_it_is_seen() -> None:
    """A tip of less than half ink is drawn, fog is not."""
    lines = np.zeros((60, 200), np.uint8)
    lines[28:31, 10:100] = 255
    lines[29, 100:150] = 110
    lines[40:55, 10:190] = 60
    drawn = render_svg(_svg(lines), 60, 200)
    assert drawn[29, 140] > 60
    assert 0 == drawn[40:55].max()


def test_views_and_read_only_arrays_are_taken() -> None:
    """What the pipeline shares between processes may be neither contiguous nor writable."""
    lines = character(200)[::-2, ::2]
    lines.flags.writeable = False
    assert _svg(lines) == _svg(np.ascontiguousarray(lines))


def test_large_scans_are_enlarged_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the traced image stays at the limit, and the SVG still fits the scan."""
    lines = character(400, 8.0)
    monkeypatch.setattr(step, "MOST_TRACED_PX", 100_000)
    assert overlap(_hard(render_svg(_svg(lines), 400, 400)), _hard(lines)) >= 0.85
    assert '"0 0 400 400"' in _svg(lines).decode()


def test_panic_in_vtracer_rejects_the_frame(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A panic in Rust, no Exception in Python, costs this frame only."""

    def panic(*_: object, **__: object) -> str:
        vtracer.convert_image_to_svg_py(str(tmp_path / "missing.png"), str(tmp_path / "out.svg"))
        return ""

    monkeypatch.setattr(vtracer, "convert_raw_image_to_svg", panic)
    with pytest.raises(FrameRejected, match="A0001") as rejected:
        _svg(character(60))
    assert Reason.CRASHED is rejected.value.reason


def test_interrupt_is_no_fault_of_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while vtracer works still stops the command."""

    def interrupt(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(vtracer, "convert_raw_image_to_svg", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _svg(character(60))


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
    darkness=st.floats(0, 1),
)
def test_noise_of_any_size_gives_a_valid_svg(shape: tuple[int, int], seed: int, darkness: float) -> None:
    """Whatever the network may draw, the file parses and every number in it is finite."""
    noise: NDArray[np.uint8] = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    noise[np.random.default_rng(seed + 1).random(shape) > darkness] = 0
    svg = _svg(noise).decode()
    ElementTree.fromstring(svg)
    assert not re.search("nan|inf", "".join(re.findall(r' d="([^"]*)"', svg)))
