"""Render a manifest as the report: one HTML page that needs no network and no server."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Any, TypedDict
from urllib.parse import quote

import jinja2
import msgspec
from markupsafe import Markup

from douga_shared import object_keys
from douga_shared.manifest import FrameRecord, FrameState, Manifest, OutputRecord
from douga_shared.recipe import Output, Recipe, Vector
from douga_worker.report.neighbours import flag_odd_frames, level_of
from douga_worker.report.roles import PictureRole
from douga_worker.report.words import (
    FIGURE_WORDS,
    REASON_WORDS,
    FlagWords,
    duration_words,
    flag_words,
    recipe_words,
)
from douga_worker.strokes.drawing_layers import colours_of


def render_report(manifest: Manifest) -> bytes:
    """Return the page to be stored at ``object_keys.REPORT_PAGE``, UTF-8.

    Pure: the same manifest gives the same bytes. Links are relative, so that the destination can be
    moved, zipped or served from a bucket. Pictures are expected at ``PictureRole.object_key`` of
    every frame that ``has_pictures``; where one is missing the page says so. Frames odd among their
    level are flagged here.
    """
    manifest = msgspec.structs.replace(manifest, frames=flag_odd_frames(manifest.frames))
    cards = [_card(position, frame, manifest.recipe) for position, frame in enumerate(manifest.frames)]
    style, script = _own_text("page.css"), _own_text("page.js")
    page = _template().render(
        policy=_content_security_policy(style, script),
        style=Markup(style),  # noqa: S704 (our own file, not a user's)
        script=Markup(script),  # noqa: S704
        title=_title(manifest.source),
        manifest=manifest,
        recipe=recipe_words(manifest.recipe),
        counts=_counts(manifest),
        flag_counts=_flag_counts(manifest.frames),
        failed=[card for card in cards if card.frame.state is FrameState.FAILED],
        cards=sorted(cards, key=_worst_first),
        shape=_sheet_shape(manifest.frames),
        steps=_step_times(manifest.frames),
        work=duration_words(sum(sum(frame.seconds.values()) for frame in manifest.frames)),
        data=_page_data(cards, manifest.recipe),
        duration_words=duration_words,
    )
    return page.encode("utf-8")


def relative_url(object_key: str) -> str:
    """Return the URL of an object of the job as seen from the report's page, percent-encoded."""
    folder = PurePosixPath(object_keys.REPORT_PAGE).parent.as_posix() + "/"
    inside = object_key.startswith(folder)
    return quote("./" + object_key.removeprefix(folder) if inside else "../" + object_key, safe="/")


@dataclass(frozen=True, slots=True)
class _Card:
    """One frame on the contact sheet."""

    position: int
    """Place in the manifest's order."""
    frame: FrameRecord
    flags: tuple[FlagWords, ...]
    reason: str
    thumb: str | None
    pictures: tuple[PictureRole, ...]
    """Those that the frame's own view shows."""
    outputs: dict[str, str]
    """Label and URL of every drawing."""

    @property
    def drawing(self) -> str | None:
        """What a click opens where there is no script."""
        return self.outputs.get("png") or next(iter(self.outputs.values()), None)


class _StepTime(TypedDict):
    step: str
    mean: str
    total: str


def _card(position: int, frame: FrameRecord, recipe: Recipe) -> _Card:
    flags = frame.quality.flags if frame.quality else ()
    return _Card(
        position=position,
        frame=frame,
        flags=tuple(flag_words(flag) for flag in flags),
        reason=REASON_WORDS[frame.failure.reason] if frame.failure else "",
        thumb=relative_url(PictureRole.THUMB.object_key(frame.stem)) if frame.has_pictures else None,
        pictures=_pictures(frame, recipe),
        outputs={label: relative_url(file.object_key) for label, file in _labelled(frame)},
    )


def _pictures(frame: FrameRecord, recipe: Recipe) -> tuple[PictureRole, ...]:
    if not frame.has_pictures:
        return ()
    of_strokes = {Output.PDF, Output.JSON}
    if recipe.vector is not Vector.OUTLINE:
        of_strokes |= {Output.SVG, Output.SVG_LAYERS}
    pixels = (PictureRole.SCAN, PictureRole.LINES)
    return (*pixels, PictureRole.STROKES) if of_strokes & frame.outputs.keys() else pixels


def _labelled(frame: FrameRecord) -> Iterator[tuple[str, OutputRecord]]:
    """Yield every drawing of a frame with a label such as ``svg`` or ``svg red``."""
    for output, files in frame.outputs.items():
        for file in files:
            yield " ".join(filter(None, (output.value.removesuffix("-layers"), file.layer))), file


def _worst_first(card: _Card) -> tuple[int, float, int]:
    """Failed frames, then the finished from worst to best, then those still waiting."""
    rank = {FrameState.FAILED: 0, FrameState.DONE: 1, FrameState.WAITING: 2}[card.frame.state]
    badness = card.frame.quality.badness if card.frame.quality else 0.0
    return rank, -badness, card.position


def _title(source: str) -> str:
    """Return the last two folders of the source: a level's name alone says too little."""
    parts = [part for part in PurePosixPath(source.replace("\\", "/")).parts if part not in {"/", ".", ".."}]
    return " / ".join(parts[-2:]) or source


def _counts(manifest: Manifest) -> dict[str, int]:
    counts = {state.value: manifest.count(state) for state in FrameState}
    counts["all"] = len(manifest.frames)
    counts["flagged"] = sum(bool(frame.quality and frame.quality.flags) for frame in manifest.frames)
    return counts


def _flag_counts(frames: Sequence[FrameRecord]) -> list[tuple[str, FlagWords, int]]:
    flags = Counter(flag for frame in frames if frame.quality for flag in frame.quality.flags)
    return [(flag, flag_words(flag), count) for flag, count in flags.most_common()]


def _sheet_shape(frames: Sequence[FrameRecord]) -> str:
    """Return the shape of the sheet's cells: that of most of the scans."""
    shapes = Counter(
        "landscape" if frame.width_px > frame.height_px else "portrait" for frame in frames if frame.width_px
    )
    return shapes.most_common(1)[0][0] if shapes else "portrait"


def _step_times(frames: Sequence[FrameRecord]) -> list[_StepTime]:
    seconds: dict[str, list[float]] = defaultdict(list)
    for frame in frames:
        for step, taken in frame.seconds.items():
            seconds[step].append(taken)
    return [
        _StepTime(
            step=step.replace("_", " "),
            mean=duration_words(sum(taken) / len(taken)),
            total=duration_words(sum(taken)),
        )
        for step, taken in seconds.items()
    ]


def _page_data(cards: Sequence[_Card], recipe: Recipe) -> dict[str, Any]:
    """Return what the page's script needs, as JSON-able values."""
    flags = {flag for card in cards if card.frame.quality for flag in card.frame.quality.flags}
    return {
        "frames": [_frame_data(card) for card in cards],
        "flags": {flag: msgspec.to_builtins(flag_words(flag)) for flag in sorted(flags)},
        "inks": colours_of(recipe.palette),
        "figures": {name: msgspec.to_builtins(words) for name, words in FIGURE_WORDS.items()},
    }


def _frame_data(card: _Card) -> dict[str, Any]:
    frame = card.frame
    data: dict[str, Any] = {
        "stem": frame.stem,
        "address": quote(frame.stem, safe=""),
        "scan": frame.scan,
        "level": level_of(frame.stem),
        "state": frame.state.value,
        "width": frame.width_px,
        "height": frame.height_px,
        "dpi": frame.dpi,
    }
    if card.pictures:
        data["pictures"] = {role.value: relative_url(role.object_key(frame.stem)) for role in card.pictures}
    if frame.state is FrameState.DONE:
        data["outputs"] = [
            {"label": label, "url": relative_url(file.object_key), "bytes": file.size_bytes}
            for label, file in _labelled(frame)
        ]
        data["seconds"] = {step.replace("_", " "): taken for step, taken in frame.seconds.items()}
    if frame.quality:
        data["quality"] = msgspec.to_builtins(frame.quality)
    if frame.failure:
        data["failure"] = {"reason": card.reason, "message": frame.failure.message}
    return data


def _content_security_policy(style: str, script: str) -> str:
    """Allow this page's own style, script and pictures beside it, and nothing else at all."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' file: data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _own_text(name: str) -> str:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    # A browser hashes the text after its own newline clean-up; a checkout on Windows must hash alike.
    return re.sub(r"\r\n?", "\n", text)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # Figures and steps are shown in the order in which they are written down.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment.from_string(_own_text("page.html"))
