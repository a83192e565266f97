"""The report in a real browser, opened from a folder as an artist opens it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np
import pytest
from tests.components import needs_program
from tests.servers import wait_until

from douga_shared import object_keys
from douga_shared.errors import Reason
from douga_shared.manifest import (
    Failure,
    FrameRecord,
    FrameState,
    Manifest,
    OutputRecord,
    Place,
    PlaceKind,
    Quality,
)
from douga_shared.recipe import Output, Recipe
from douga_worker.report.page import render_report
from douga_worker.report.pictures import report_pictures
from douga_worker.report.roles import PictureRole
from douga_worker.report.stroke_picture import stroke_picture
from douga_worker.strokes.stroke_drawing import Stroke, StrokeDrawing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Long enough for a machine with much else to do; nothing waits longer than it must.
_WAIT_SECONDS = 60.0
HOSTILE = """-A "q" 'a' #1 50%41 ?<b>&amp; é動"""
FLAGS: dict[str, tuple[str, ...]] = {"A0002": ("fog",), "A0004": ("fog", "specks"), HOSTILE: ("specks",)}
STEMS = ("A0001", "A0002", "A0003", "A0004", HOSTILE)
WORST_FIRST = ["A0009", "A0004", "A0002", HOSTILE, "A0001", "A0003"]
IN_ORDER = [*STEMS, "A0009"]


@dataclass
class Watched:
    """A page and everything it complained about or asked for."""

    page: Page
    address: str
    folder: Path
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Frames on the sheet that are to be seen, in order."""
        names: list[str] = self.page.locator(".card:visible .card-name").all_inner_texts()
        return names

    def open_frame(self, stem: str) -> None:
        """Click a frame on the sheet and wait until its pictures are there."""
        self.page.locator(".card", has=self.page.get_by_text(stem, exact=True)).locator(".card-link").click()
        self.wait_for_pictures()

    def wait_for_pictures(self) -> None:
        """Block until scan and drawing are decoded."""
        self.wait_until(
            "['scan-picture', 'lines-picture'].every(id => {"
            " const p = document.getElementById(id); return p.complete && p.naturalWidth > 0; })"
        )

    def wait_until(self, script: str, argument: object = None) -> None:
        """Ask the page until the script says yes.

        Playwright's own waiting asks from within the page, where the report's content security policy
        refuses every question but the first.
        """
        wait_until(lambda: bool(self.page.evaluate(script, argument)), script, _WAIT_SECONDS)

    def title(self) -> str:
        """Name of the frame in view."""
        return self.page.locator("#viewer-name").inner_text()


def _write_job(folder: Path) -> Path:
    """Write a small job with its report; return the page."""
    frames = [_write_frame(folder, stem, i) for i, stem in enumerate(STEMS)]
    failure = Failure(reason=Reason.DAMAGED, message="A0009.tif breaks off; scan it again")
    frames.append(FrameRecord(scan="A0009.tif", stem="A0009", state=FrameState.FAILED, failure=failure))
    manifest = Manifest(
        douga="0.1.0",
        source="scans/cut012",
        recipe=Recipe(network_sha256="ab" * 32),
        recipe_fingerprint="0123456789abcdef",
        is_complete=True,
        frames=tuple(frames),
    )
    page = folder / object_keys.REPORT_PAGE
    page.write_bytes(render_report(manifest))
    return page


def _write_frame(folder: Path, stem: str, number: int) -> FrameRecord:
    """Write the pictures and drawings of one frame: a circle, red on the scan and black when clean."""
    lines = np.zeros((300, 200), np.uint8)
    cv2.circle(lines, (100, 120 + 10 * number), 60, 255, 4, cv2.LINE_AA)
    scan = np.full((300, 200, 3), 250, np.uint8)
    scan[lines > 127] = (200, 60, 50)
    pictures = report_pictures(scan, lines)
    pictures[PictureRole.STROKES] = stroke_picture(_strokes(number), {"black": "#000000", "red": "#ff0000"})
    for role, data in pictures.items():
        _write(folder / role.object_key(stem), data)
    drawings = {Output.PNG: cv2.imencode(".png", 255 - lines)[1].tobytes(), Output.SVG: b"<svg/>"}
    for output, data in drawings.items():
        _write(folder / object_keys.drawing(stem, output), data)
    quality = Quality(
        scan_ink_share=0.05,
        line_ink_share=0.04,
        uncovered_share=0.1 / (number + 1),
        invented_share=0.0,
        speck_count=0,
        grey_share=0.0,
        pencil_width_px=3.0,
        region_count=2,
        open_end_count=2,
        open_ends=((40.0, 220.0), (160.0, 220.0)),
        closed_gap_count=1,
        closed_gaps=((90.0, 240.0, 110.0, 240.0),),
        worst_places=(Place(kind=PlaceKind.LOST, x=100.0, y=40.0, radius_px=12.0),),
        inks=("red",),
        flags=FLAGS.get(stem, ()),
    )
    return FrameRecord(
        scan=f"{stem}.tif",
        stem=stem,
        state=FrameState.DONE,
        width_px=200,
        height_px=300,
        dpi=100.0,
        outputs={
            output: (
                OutputRecord(object_key=object_keys.drawing(stem, output), sha256="", size_bytes=len(data)),
            )
            for output, data in drawings.items()
        },
        seconds={"clean_lines": 1.5},
        quality=quality,
        has_pictures=True,
    )


def _strokes(number: int) -> StrokeDrawing:
    """The circle's upper half in black, drawn in two curves, and a red line below it."""
    x, y, r = 100.0, 120.0 + 10 * number, 60.0
    bend = r * 0.5523
    left = [(x - r, y), (x - r, y - bend), (x - bend, y - r), (x, y - r)]
    right = [(x, y - r), (x + bend, y - r), (x + r, y - bend), (x + r, y)]
    line = [(40.0, 220.0), (80.0, 220.0), (120.0, 220.0), (160.0, 220.0)]
    widths = np.array([[0.0, 4.0], [1.0, 4.0]])
    half = Stroke(np.array([left, right]), widths)
    return StrokeDrawing(200, 300, strokes=(half, Stroke(np.array([line]), widths, ink="red")))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by playwright."""
    program = needs_program("chromium", "apt-get install chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (loads nothing where it is skipped)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of a small job, in a folder that is itself awkwardly named."""
    return _write_job(tmp_path_factory.mktemp("job") / "cut 012 #1")


@pytest.fixture
def report(browser: Browser, job: Path) -> Iterator[Watched]:
    """The page, open; at the end nothing may have gone wrong and nothing been asked of a network."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(_WAIT_SECONDS * 1000)
    watched = Watched(page, job.as_uri(), job.parent.parent)
    page.on("console", lambda message: watched.complaints.append(message.text))
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("requestfailed", lambda request: _note_failure(watched, request))
    page.on("request", lambda request: watched.requests.append(request.url))
    page.goto(watched.address)
    yield watched
    page.close()
    assert [] == watched.complaints
    assert [] == [url for url in watched.requests if urlsplit(url).scheme not in {"file", "data"}]


def _note_failure(watched: Watched, request: Request) -> None:
    # Pictures read ahead may be dropped when the page closes.
    if request.failure != "net::ERR_ABORTED":
        watched.complaints.append(f"{request.url}: {request.failure}")


def test_thumbnails_are_really_there(report: Watched) -> None:
    """Each finished frame shows its drawing, whatever its name."""
    thumbs = report.page.locator(".card img")
    report.wait_until("[...document.querySelectorAll('.card img')].every(i => i.naturalWidth)")
    assert len(STEMS) == thumbs.count()


def test_the_sheet_is_sorted_worst_first_or_in_order(report: Watched) -> None:
    """One click changes between the two orders."""
    assert report.names() == WORST_FIRST
    report.page.get_by_role("radio", name="In order").check()
    assert report.names() == IN_ORDER
    report.page.get_by_role("radio", name="Worst first").check()
    assert report.names() == WORST_FIRST


def test_the_sheet_can_be_filtered_and_searched(report: Watched) -> None:
    """Flagged, failed, one flag, part of a name, and what nothing matches."""
    page = report.page
    page.get_by_role("radio", name="To look at").check()
    assert ["A0004", "A0002", HOSTILE] == report.names()
    page.locator("#flag-filter").select_option("specks")
    assert ["A0004", HOSTILE] == report.names()
    page.locator("#flag-filter").select_option("")
    page.get_by_role("radio", name="Failed").check()
    assert ["A0009"] == report.names()
    page.get_by_role("radio", name="All").check()
    page.locator("#search").fill('"Q" ')
    assert [HOSTILE] == report.names()
    assert "1 of 6 shown" == page.locator("#shown").inner_text()
    page.locator("#search").fill("nothing like it")
    assert page.get_by_text("No frame matches.").is_visible()


def test_the_slider_reveals_the_drawing(report: Watched) -> None:
    """Left of the handle lies the red scan, right of it the black drawing."""
    report.open_frame("A0001")
    assert ("red", "black") == (_pencil_at(report, 40), _pencil_at(report, 160))
    _drag_slider(report, 0.02)
    assert ("black", "black") == (_pencil_at(report, 40), _pencil_at(report, 160))
    _drag_slider(report, 0.98)
    assert ("red", "red") == (_pencil_at(report, 40), _pencil_at(report, 160))


def test_the_slider_follows_the_keyboard(report: Watched) -> None:
    """Arrows move it in steps, home and end to its ends."""
    report.open_frame("A0001")
    for pressed, value in [("ArrowRight", "55"), ("ArrowLeft", "50"), ("Home", "0"), ("End", "100")]:
        report.page.keyboard.press(pressed)
        assert value == report.page.locator("#split").input_value()
    assert "red" == _pencil_at(report, 160)


def test_the_keyboard_leads_through_the_frames(report: Watched) -> None:
    """Keys j and k and the arrows follow the sheet's order and stop at its ends; escape leads back."""
    page = report.page
    report.open_frame("A0004")
    for pressed, name in [("j", "A0002"), ("ArrowDown", HOSTILE), ("k", "A0002"), ("ArrowUp", "A0004")]:
        page.keyboard.press(pressed)
        assert report.title() == name
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert "A0009" == report.title()
    assert page.locator("#stage-note", has_text="scan it again").is_visible()
    page.keyboard.press("Escape")
    page.locator("#viewer").wait_for(state="hidden")
    report.wait_until("!location.hash")


def test_the_frame_view_keeps_to_the_filter(report: Watched) -> None:
    """Who looks through the flagged frames sees these only."""
    report.page.get_by_role("radio", name="To look at").check()
    report.open_frame("A0004")
    assert "1 of 3" == report.page.locator("#viewer-place").inner_text()
    assert report.page.locator("#previous").is_disabled()


def test_flags_are_explained_beside_the_picture(report: Watched) -> None:
    """The reason why a frame stands first is told in plain words."""
    report.open_frame("A0004")
    notes = report.page.locator("#notes").inner_text()
    assert "They have to be erased before painting." in notes
    assert "51 × 76 mm" in notes


def test_every_link_leads_to_a_file(report: Watched) -> None:
    """Also for a name that holds everything that means something in a URL."""
    report.open_frame(HOSTILE)
    hrefs = report.page.locator("#notes .files a").evaluate_all("links => links.map(link => link.href)")
    paths = [Path(unquote(urlsplit(href).path)) for href in hrefs]
    assert [report.folder / f"{HOSTILE}.png", report.folder / f"{HOSTILE}.svg"] == paths
    assert all(path.is_file() for path in paths)


def test_a_frame_can_be_bookmarked(report: Watched) -> None:
    """The address of a frame opens it again, and 'back' closes it."""
    report.open_frame(HOSTILE)
    address = report.page.url
    report.page.go_back()
    report.page.locator("#viewer").wait_for(state="hidden")
    report.page.goto("about:blank")
    report.page.goto(address)
    report.wait_for_pictures()
    assert HOSTILE == report.title()


def test_the_overlay_lays_red_lines_on_the_scan(report: Watched) -> None:
    """Covered pencil is red, paper stays white."""
    report.open_frame("A0001")
    report.page.keyboard.press("2")
    assert ("red", "paper") == (_pencil_at(report, 40), _pencil_at(report, 100))


def test_onion_skin_shows_the_neighbours_of_the_film(report: Watched) -> None:
    """Neighbours are those of the level in order, not those of the sheet."""
    report.open_frame("A0002")
    report.page.get_by_role("radio", name="Onion skin").check()
    assert ["A0001", "A0003"] == report.page.locator("#legend bdi").all_inner_texts()
    report.wait_until(
        "['previous-picture', 'next-picture'].every(id => document.getElementById(id).naturalWidth > 0)"
    )


def test_blink_changes_between_scan_and_drawing(report: Watched) -> None:
    """Key b flips the whole picture."""
    report.open_frame("A0001")
    seen = []
    for _ in range(3):
        report.page.keyboard.press("b")
        seen.append(_pencil_at(report, 40))
    assert ["black", "red", "black"] == seen


def test_zoom_shows_the_drawing_itself(report: Watched) -> None:
    """Magnified, the small picture gives way to the full PNG; the paper outgrows the stage."""
    report.page.set_viewport_size({"width": 700, "height": 420})
    report.open_frame("A0001")
    report.page.keyboard.press("z")
    report.wait_until("document.getElementById('lines-picture').currentSrc.endsWith('/A0001.png')")
    assert "100 %" == report.page.locator("#zoom-label").inner_text()
    box = report.page.locator("#paper").bounding_box()
    assert box is not None
    assert (200, 300) == (box["width"], box["height"])


def test_play_runs_through_the_level_and_stops(report: Watched) -> None:
    """Space plays the level round and round, the failed frame left out; space again stops."""
    report.open_frame("A0003")
    report.page.keyboard.press(" ")
    for name in ("A0004", "A0001", "A0002"):
        report.wait_until("name => document.getElementById('viewer-name').innerText === name", name)
    report.page.keyboard.press(" ")
    assert "Play" == report.page.locator("#play").inner_text()


def test_layers_of_strokes_come_and_go(report: Watched) -> None:
    """Each tick shows a layer and nothing else: an ink's strokes in its colour, nodes, ends."""
    report.open_frame("A0001")
    report.page.keyboard.press("6")
    _tick(report)
    assert ("paper", "paper") == (_seen_at(report, 40, 119), _seen_at(report, 100, 220))
    _tick(report, "ink-black")
    assert ("black", "paper") == (_seen_at(report, 40, 119), _seen_at(report, 100, 220))
    _tick(report, "ink-red")
    assert ("paper", "red") == (_seen_at(report, 40, 119), _seen_at(report, 100, 220))
    _tick(report, "ends")
    assert ("red", "red") == (_seen_at(report, 158, 220, 3), _seen_at(report, 41, 119, 3))
    _tick(report, "nodes")
    assert ("blue", "paper") == (_seen_at(report, 100, 60, 3), _seen_at(report, 40, 119))


def test_places_to_look_at_are_marked(report: Watched) -> None:
    """Worst places, closed gaps and open ends, each with its count, each to be ticked off."""
    report.open_frame("A0001")
    report.page.keyboard.press("6")
    _tick(report, "worst", "gaps", "open")
    counts = report.page.locator("#layer-list b").all_inner_texts()
    assert ["1", "1", "2"] == counts
    assert "red" == _seen_at(report, 100, 240, 2)
    _tick(report, "worst", "open")
    assert "paper" == _seen_at(report, 100, 240, 2)


def test_the_next_place_is_brought_before_the_eye(report: Watched) -> None:
    """Key n goes from the worst place on, and round; the place lies within the stage."""
    report.page.set_viewport_size({"width": 700, "height": 420})
    report.open_frame("A0001")
    for words in ("Pencil without line: place 1 of 4", "Gap closed: place 2 of 4", "Open end: place 3 of 4"):
        report.page.keyboard.press("n")
        assert words == report.page.locator("#place-note").inner_text()
        stage = report.page.locator("#stage").bounding_box()
        mark = report.page.locator(".mark-place").bounding_box()
        assert stage is not None
        assert mark is not None
        assert stage["y"] <= mark["y"] + mark["height"] / 2 <= stage["y"] + stage["height"]


def test_the_layers_wanted_stay_from_frame_to_frame(report: Watched) -> None:
    """Who looks at nodes looks at the nodes of every frame."""
    report.open_frame("A0001")
    report.page.keyboard.press("6")
    _tick(report, "nodes")
    report.page.keyboard.press("j")
    ticked = report.page.locator("#layers input:checked").evaluate_all("all => all.map(one => one.name)")
    assert ["nodes"] == ticked
    report.wait_until("[...document.querySelectorAll('#stroke-layers img')].every(i => i.naturalWidth)")


def test_a_missing_picture_is_told_and_not_broken(report: Watched, tmp_path: Path) -> None:
    """A report whose pictures were swept away still says what it can."""
    page = _write_job(tmp_path / "job")
    (tmp_path / "job/report/frames/A0001.scan.jpg").unlink()
    report.page.goto(page.as_uri() + "#frame/A0001")
    report.page.get_by_text("A picture of this frame is missing").wait_for()
    assert 2 == len(report.complaints)  # the browser's own two words about the one missing file
    assert all("ERR_FILE_NOT_FOUND" in complaint for complaint in report.complaints)
    report.complaints.clear()


def test_a_narrow_window_needs_no_sideways_scrolling(report: Watched) -> None:
    """A phone shows the sheet and the frame view whole."""
    report.page.set_viewport_size({"width": 420, "height": 800})
    assert 420 == report.page.evaluate("document.documentElement.scrollWidth")
    report.open_frame(HOSTILE)
    assert report.page.evaluate("document.getElementById('viewer').scrollWidth") <= 420


def test_without_script_the_sheet_is_all_there(browser: Browser, job: Path) -> None:
    """Frames, flags, failures and links need no script; the tools that do are not shown."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(job.as_uri())
    assert page.locator(".card-name").all_inner_texts() == WORST_FIRST
    assert page.get_by_text("A0009.tif breaks off; scan it again").is_visible()
    assert not page.locator("#tools").is_visible()
    href = page.locator(".card", has_text="A0004").locator(".card-link").get_attribute("href")
    assert href == "../A0004.png"
    context.close()


def _drag_slider(report: Watched, share: float) -> None:
    """Drag the handle to a share of the picture's width."""
    box = report.page.locator("#paper").bounding_box()
    handle = report.page.locator(".split-line i").bounding_box()
    assert box is not None
    assert handle is not None
    mouse = report.page.mouse
    mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + box["width"] * share, box["y"] + 20, steps=3)
    mouse.up()


def _tick(report: Watched, *names: str) -> None:
    """Tick just these layers, and wait until they are drawn."""
    for box in report.page.locator("#layers input").all():
        box.set_checked(box.get_attribute("name") in names)
    report.wait_until(
        "[...document.querySelectorAll('#stroke-layers img')].every(i => i.complete && i.naturalWidth)"
    )


def _seen_at(report: Watched, x: float, y: float, reach: int = 0) -> str:
    """The strongest colour around a place of the sheet: ``red``, ``blue``, ``black`` or ``paper``."""
    shot = np.frombuffer(report.page.locator("#paper").screenshot(), np.uint8)
    picture = cv2.imdecode(shot, cv2.IMREAD_COLOR)
    assert picture is not None
    scale = picture.shape[1] / 200
    row, column, far = round(y * scale), round(x * scale), round(reach * scale)
    seen = picture[row - far : row + far + 1, column - far : column + far + 1].reshape(-1, 3).astype(int)
    blue, green, red = seen[np.argmin(seen.sum(axis=1))].tolist()
    if min(blue, green, red) > 200:
        return "paper"
    if max(blue, green, red) < 90:
        return "black"
    return "red" if red > blue else "blue"


def _pencil_at(report: Watched, x: int) -> str:
    """What is seen on the middle row of A0001's circle: ``red``, ``black`` or ``paper``."""
    shot = np.frombuffer(report.page.locator("#paper").screenshot(), np.uint8)
    picture = cv2.imdecode(shot, cv2.IMREAD_COLOR)
    assert picture is not None
    scale = picture.shape[1] / 200
    blue, green, red = (int(v) for v in picture[round(120 * scale), round(x * scale)])
    if min(blue, green, red) > 200:
        return "paper"
    return "red" if red > blue + 60 else "black"
