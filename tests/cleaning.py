"""Parts for tests that clean frames: a network that needs no training, and folders of scans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from tests.scans import as_png, rough_drawing

from douga_shared.discover import Frame
from douga_shared.frames import FrameId
from douga_shared.manifest import Manifest
from douga_shared.object_store import MemoryStore
from douga_shared.recipe import Output, Recipe
from douga_worker.isolated import IsolatedProcesses
from douga_worker.pipeline import Instructions, Order, Pipeline

RECIPE = Recipe(network="ink", network_sha256="0" * 64)


class InkCleaner:
    """Takes the pencil itself for the clean line; remembers what it was given."""

    def __init__(self, batch_megapixels: float = 1.0) -> None:
        self.batch_megapixels = batch_megapixels
        self.batches: list[list[tuple[int, ...]]] = []
        self.strengths: list[float] = []

    def clean(
        self, inks: list[NDArray[np.uint8]], strength: float, beat: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """Return the sheets as they are."""
        beat()
        self.batches.append([ink.shape for ink in inks])
        self.strengths.append(strength)
        return list(inks)


def ink_cleaner_for(_: Recipe) -> InkCleaner:
    """A network for every recipe, which another process can load too."""
    return InkCleaner()


def rough_png(seed: int = 0, width: int = 120, height: int = 90) -> bytes:
    """A rough drawing as a PNG file."""
    return as_png(rough_drawing(seed, width, height))


def frames_of(store: MemoryStore) -> list[Frame]:
    """Every object of a store as a frame, in key order."""
    return [
        Frame(
            frame_id=FrameId.parse(info.object_key),
            scan=info.object_key,
            stem=info.object_key.rpartition(".")[0],
            info=info,
        )
        for info in store.list()
    ]


def orders_of(
    scans: MemoryStore,
    drawings: MemoryStore,
    outputs: tuple[Output, ...] = (Output.PNG, Output.SVG),
    *,
    recipe: Recipe = RECIPE,
    max_megapixels: float = 400.0,
) -> list[Order]:
    """Every object of a store as an order, in key order."""
    instructions = Instructions(recipe, outputs, max_megapixels=max_megapixels)
    return [Order(frame, scans, drawings, instructions) for frame in frames_of(scans)]


def pipeline_of(
    processes: IsolatedProcesses, cleaner: InkCleaner | None = None, *, frames_in_flight: int = 6
) -> Pipeline:
    """A whole pipeline but for the network."""
    chosen = cleaner or InkCleaner()
    return Pipeline(processes=processes, cleaner_for=lambda _: chosen, frames_in_flight=frames_in_flight)


def write_scans(folder: Path, scans: Mapping[str, bytes]) -> Path:
    """Write files into a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in scans.items():
        (folder / name).write_bytes(data)
    return folder


def douga(
    *arguments: str | Path, timeout: float = 150, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "douga_producer", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def stop_douga(
    arguments: list[str | Path], when: Callable[[], bool], sign: signal.Signals
) -> subprocess.CompletedProcess[str]:
    """Start the command line, send it a signal as soon as ``when()`` holds, and wait for its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "douga_producer", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and not when():
        time.sleep(0.01)
    if process.poll() is None:
        if sign is signal.SIGKILL:
            # A killed machine kills the helper processes too.
            os.killpg(process.pid, sign)
        else:
            process.send_signal(sign)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def manifest_of(destination: Path) -> Manifest:
    """The manifest that a run left."""
    return msgspec.json.decode((destination / "douga.json").read_bytes(), type=Manifest)


def drawings_in(destination: Path) -> dict[str, tuple[int, bytes]]:
    """Time of writing and content of every drawing."""
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(destination.iterdir())
        if path.is_file() and path.name != "douga.json"
    }
