"""The page says what the manifest says, worst first, whatever the frames are called."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
import pytest

from douga_shared import object_keys
from douga_shared.errors import Reason
from douga_shared.manifest import (
    Failure,
    FrameRecord,
    FrameState,
    LeftOut,
    Manifest,
    OutputRecord,
    Place,
    PlaceKind,
    Quality,
)
from douga_shared.recipe import Output, Recipe, Vector
from douga_worker.report.page import relative_url, render_report
from douga_worker.report.roles import PictureRole
from douga_worker.report.words import FLAG_WORDS, REASON_WORDS, duration_words

HOSTILE = """-x "q" 'a' #1 50%41 ?<script>alert(1)</script>&amp; é動.<!--"""


def _quality(uncovered: float = 0.0, *flags: str) -> Quality:
    return Quality(
        scan_ink_share=0.05,
        line_ink_share=0.04,
        uncovered_share=uncovered,
        invented_share=0.0,
        speck_count=0,
        grey_share=0.0,
        pencil_width_px=3.0,
        flags=flags,
    )


def _done(stem: str, quality: Quality | None = None) -> FrameRecord:
    outputs: dict[Output, tuple[OutputRecord, ...]] = {
        output: (OutputRecord(object_key=object_keys.drawing(stem, output), sha256="", size_bytes=1234),)
        for output in (Output.PNG, Output.SVG)
    }
    return FrameRecord(
        scan=f"{stem}.tga",
        stem=stem,
        state=FrameState.DONE,
        width_px=1654,
        height_px=2339,
        dpi=200.0,
        outputs=outputs,
        seconds={"read_scan": 0.5, "clean_lines": 2.0},
        quality=quality or _quality(),
        has_pictures=True,
    )


def _failed(stem: str, reason: Reason = Reason.DAMAGED, message: str = "scan it again") -> FrameRecord:
    failure = Failure(reason=reason, message=message)
    return FrameRecord(scan=f"{stem}.tga", stem=stem, state=FrameState.FAILED, failure=failure)


def _waiting(stem: str) -> FrameRecord:
    return FrameRecord(scan=f"{stem}.tga", stem=stem, state=FrameState.WAITING)


def _manifest(
    *frames: FrameRecord, source: str = "scans/cut012/A", left_out: tuple[LeftOut, ...] = ()
) -> Manifest:
    return Manifest(
        douga="0.1.0",
        source=source,
        recipe=Recipe(network_sha256="ab" * 32),
        recipe_fingerprint="0123456789abcdef",
        is_complete=not any(frame.state is FrameState.WAITING for frame in frames),
        frames=frames,
        left_out=left_out,
    )


class _Page(HTMLParser):
    """What a browser would find on the page."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__()
        self.html = render_report(manifest).decode()
        self.tags: list[str] = []
        self.urls: list[str] = []
        self.positions: list[int] = []
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect tags, URLs and the order of the cards."""
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href"} and value:
                self.urls.append(value)
            if name == "data-position":
                self.positions.append(int(value or -1))

    @property
    def data(self) -> dict[str, Any]:
        """What the script gets."""
        block = self.html.split('id="report-data">')[1].split("</script>")[0]
        data: dict[str, Any] = json.loads(block)
        return data

    @property
    def text(self) -> str:
        """The words that are read without a script."""
        body = re.sub(r"<(style|script)\b.*?</\1>", "", self.html, flags=re.DOTALL)
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body)))


def test_the_same_manifest_gives_the_same_page() -> None:
    """Nothing of the moment or the machine is in the page."""
    manifest = _manifest(_done("A0001", _quality(0.2, "fog", "specks")), _failed("A0002"))
    assert render_report(manifest) == render_report(manifest)


def test_frames_stand_worst_first() -> None:
    """Failed, then flagged, then by lost pencil, the waiting last; equals keep their order."""
    page = _Page(
        _manifest(
            _waiting("A0001"),
            _done("A0002", _quality(0.1)),
            _done("A0003", _quality(0.0, "fog")),
            _done("A0004", _quality(0.5)),
            _failed("A0005"),
            _done("A0006", _quality(0.1)),
        )
    )
    assert [4, 2, 3, 1, 5, 0] == page.positions


def test_counts_are_those_of_the_manifest() -> None:
    """The head of the page counts frames, done, failed, waiting and flagged."""
    frames = [_done("A1"), _done("A2", _quality(0.0, "fog")), _done("A3"), _failed("A4"), _waiting("A5")]
    tally = "Frames 5 Done 3 Failed 1 Waiting 1 To look at 1"
    assert tally in _Page(_manifest(*frames)).text


def test_every_failure_is_told_with_its_remedy() -> None:
    """Name, reason in plain words, and what to do."""
    text = _Page(_manifest(_failed("A0009", Reason.MULTI_PAGE, "split A0009.tga into single pages"))).text
    assert "1 frame could not be cleaned A0009.tga several pages split A0009.tga into single pages" in text


def test_a_job_that_is_not_finished_says_so() -> None:
    """Nobody takes a broken-off job for a whole one."""
    assert "1 of 2 frames are waiting" in _Page(_manifest(_done("A1"), _waiting("A2"))).text
    assert "waiting." not in _Page(_manifest(_done("A1"))).text


def test_files_left_out_are_listed_with_the_reason() -> None:
    """A file nobody counted on is never silently missing."""
    page = _Page(_manifest(_done("A1"), left_out=(LeftOut(name="Thumbs.db", why="no scan"),)))
    assert "1 file that is no frame of this job Thumbs.db no scan" in page.text


def test_an_empty_job_has_a_page() -> None:
    """A page without frames is still a page."""
    assert "Frames 0" in _Page(_manifest()).text


def test_hostile_names_stay_text() -> None:
    """No name, message or flag can add a tag or end the data block early."""
    tame = _Page(
        _manifest(_done("A", _quality(0.0, "f")), _failed("B"), left_out=(LeftOut(name="n", why="w"),))
    )
    wild = _Page(
        _manifest(
            _done(HOSTILE, _quality(0.0, HOSTILE)),
            _failed(HOSTILE, message=HOSTILE),
            source=HOSTILE,
            left_out=(LeftOut(name=HOSTILE, why=HOSTILE),),
        )
    )
    assert tame.tags == wild.tags
    assert HOSTILE == wild.data["frames"][0]["stem"]


def test_links_resolve_to_the_objects() -> None:
    """A browser that decodes each URL arrives at the object's key, also for the wildest name."""
    stem = f"sub/{HOSTILE.replace('/', '')}"
    page = _Page(_manifest(_done(stem)))
    frame = page.data["frames"][0]
    urls = {*page.urls, *frame["pictures"].values(), *(output["url"] for output in frame["outputs"])}
    base = "https://bucket.example/job/" + object_keys.REPORT_PAGE
    paths = [urlsplit(urljoin(base, url)) for url in urls if not url.startswith(("#", "data:"))]
    wanted = {role.object_key(stem) for role in PictureRole} | {f"{stem}.png", f"{stem}.svg"}
    assert {("", "")} == {(path.query, path.fragment) for path in paths}
    assert wanted == {unquote(path.path).removeprefix("/job/") for path in paths}


@pytest.mark.parametrize(
    ("object_key", "url"),
    [
        ("A0001.svg", "../A0001.svg"),
        ("-a b/#1.png", "../-a%20b/%231.png"),
        ("report/frames/A.thumb.webp", "./frames/A.thumb.webp"),
        ("javascript:alert(1)", "../javascript%3Aalert%281%29"),
    ],
)
def test_urls_are_relative_to_the_page(object_key: str, url: str) -> None:
    """The folder can be moved or put in a bucket, and no name becomes a scheme."""
    assert url == relative_url(object_key)


def test_the_page_asks_for_nothing_outside() -> None:
    """No URL with a host is loaded or linked."""
    assert [] == [url for url in _Page(_manifest(_done("A1"))).urls if urlsplit(url).netloc]


def test_the_policy_allows_just_the_pages_own_code() -> None:
    """The hashes in the policy are those of the style and the script as a browser sees them."""
    html = _Page(_manifest(_done("A1"))).html
    policy = unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', html)[0])
    for tag in ("style", "script"):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_without_script_the_drawings_can_be_opened() -> None:
    """The contact sheet alone links every drawing."""
    page = _Page(_manifest(_done("A0001")))
    links = [url for url in page.urls if url.startswith("../")]
    assert ["../A0001.png", "../A0001.png", "../A0001.svg"] == links


def test_a_frame_without_pictures_asks_for_none() -> None:
    """A frame cleaned with --no-report keeps its links but shows no broken picture."""
    page = _Page(_manifest(msgspec.structs.replace(_done("A0001"), has_pictures=False)))
    assert "../A0001.svg" in page.urls
    assert [] == [url for url in page.urls if "frames/" in url]
    assert "pictures" not in page.data["frames"][0]


@pytest.mark.parametrize(
    ("vector", "has_strokes"), [(Vector.STROKES, True), (Vector.BOTH, True), (Vector.OUTLINE, False)]
)
def test_strokes_are_looked_for_only_where_there_are_some(vector: Vector, has_strokes: bool) -> None:
    """No broken picture where the SVG holds outlines."""
    manifest = _manifest(_done("A0001"))
    recipe = Recipe(network_sha256="ab" * 32, vector=vector)
    page = _Page(msgspec.structs.replace(manifest, recipe=recipe))
    assert has_strokes == ("strokes" in page.data["frames"][0]["pictures"])


def test_places_to_look_at_reach_the_frames_own_view() -> None:
    """Open ends, closed gaps and worst places are drawn from the manifest, in scan pixels."""
    place = Place(kind=PlaceKind.LOST, x=10.0, y=20.0, radius_px=5.0)
    quality = msgspec.structs.replace(
        _quality(), open_ends=((1.5, 2.5),), closed_gaps=((1.0, 2.0, 3.0, 4.0),), worst_places=(place,)
    )
    shown = _Page(_manifest(_done("A0001", quality))).data["frames"][0]["quality"]
    assert [[1.5, 2.5]] == shown["open_ends"]
    assert [[1.0, 2.0, 3.0, 4.0]] == shown["closed_gaps"]
    assert [{"kind": "lost", "x": 10.0, "y": 20.0, "radius_px": 5.0}] == shown["worst_places"]


def test_every_known_flag_is_explained() -> None:
    """The words for a flag stand on the sheet and reach the frame's own view."""
    page = _Page(_manifest(_done("A1", _quality(0.0, *FLAG_WORDS))))
    assert {flag: words.explanation for flag, words in FLAG_WORDS.items()} == {
        flag: words["explanation"] for flag, words in page.data["flags"].items()
    }
    assert [] == [words.label for words in FLAG_WORDS.values() if words.explanation not in page.text]


def test_every_reason_for_a_dead_letter_has_words() -> None:
    """A person reads the report, not a program."""
    assert set(Reason) == set(REASON_WORDS)


def test_a_flag_from_a_newer_douga_is_shown_by_its_name() -> None:
    """An unknown flag is no error."""
    assert "open gaps" in _Page(_manifest(_done("A1", _quality(0.0, "open_gaps")))).text


def test_a_frame_unlike_its_level_is_flagged() -> None:
    """Sizes are compared when the whole job is known, which is here."""
    odd = FrameRecord(
        scan="A3.png",
        stem="A3",
        state=FrameState.DONE,
        width_px=10,
        height_px=10,
        dpi=200.0,
        quality=_quality(),
    )
    assert "odd size" in _Page(_manifest(_done("A1"), _done("A2"), odd)).text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0.4 s"),
        (0.05, "0.05 s"),
        (9.96, "10.0 s"),
        (59.7, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7505, "2 h 5 min"),
    ],
)
def test_durations_are_told_as_people_tell_them(seconds: float, words: str) -> None:
    """Two figures are enough."""
    assert words == duration_words(seconds)
