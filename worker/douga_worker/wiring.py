"""Composition root: what was asked for -> network, processes, pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from douga_shared.errors import ConfigurationError, FrameRejected, Reason
from douga_shared.recipe import Precision, Recipe
from douga_worker.isolated import FRAME_SECONDS, PROCESS_MEGABYTES, IsolatedProcesses
from douga_worker.network.batching import BatchRun, CleanerFor, LineCleaner, unwatched
from douga_worker.pipeline import Pipeline
from douga_worker.steps.drop_specks import drop_specks
from douga_worker.steps.lines_of_coverage import lines_of_coverage
from douga_worker.steps.prepare_scan import prepare_pixels
from douga_worker.steps.read_scan import Scan

_FRAMES_AT_NETWORK = {"cpu": 4, "cuda": 32}
"""Two batches of A4 pages, one running and one waiting; what more is in flight is in the processes."""
_MEGAPIXELS_IN_FLIGHT = {"cpu": 128.0, "cuda": 512.0}
"""A pixel on its way takes some 5 bytes here; only sheets beyond A3 at 300 dpi ever come near this."""
_NETWORKS_LOADED = 2
_PRELOADED = "douga_worker.preloaded"


def find_sha256(network: str) -> str:
    """Return the hash of a network's weights, which pins it in a recipe.

    Raises:
        ConfigurationError: no such network, or damaged weights.
    """
    from douga_worker.network.weights import load_weights  # noqa: PLC0415 - loads torch

    return load_weights(network).sha256


def find_device(device: str) -> str:
    """Return ``cpu`` or ``cuda``; for ``auto`` the best there is here.

    Raises:
        ConfigurationError: ``cuda``, and there is none.
    """
    if device == "cpu":
        return device
    # Here and not above: nothing may load torch before there is work for it.
    from douga_worker.network.cleaner import choose_device  # noqa: PLC0415

    return choose_device(device)


@contextmanager
def open_pipeline(  # noqa: PLR0913 - one parameter an option
    *,
    device: str = "auto",
    recipe: Recipe | None = None,
    process_count: int | None = None,
    frames_in_flight: int | None = None,
    frame_seconds: float = FRAME_SECONDS,
    memory_megabytes: int | None = PROCESS_MEGABYTES,
    worker_name: str = "",
    cleaner_for: CleanerFor | None = None,
    on_batch: Callable[[BatchRun], None] = unwatched,
) -> Iterator[Pipeline]:
    """Open a pipeline; networks are loaded and processes started when frames come.

    Left with an error, it is stopped at once; otherwise every frame submitted comes out first.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        recipe: the first frames' recipe, where it is known; its network is loaded now.
        process_count: processes beside the network; None takes one a core, eight at most.
        frames_in_flight: so many frames are on their way at once; None takes what keeps network and
            processes busy.
        frame_seconds: a step that takes longer is taken to hang.
        memory_megabytes: most that one process may take; None for no limit.
        worker_name: goes into every record.
        cleaner_for: gives the network of a recipe, picklable; None loads those that are shipped.
        on_batch: told of every pass of the network, from its thread.

    Raises:
        ConfigurationError: no such device here, or it cannot do what ``recipe`` asks.
    """
    device = find_device(device)
    networks = _LoadedNetworks(device)
    count = process_count or min(8, len(os.sched_getaffinity(0)))
    processes = IsolatedProcesses(
        count, frame_seconds=frame_seconds, memory_megabytes=memory_megabytes, preloaded=_PRELOADED
    )
    if recipe is not None:
        networks.load(recipe)
    with (
        processes,
        Pipeline(
            processes=processes,
            cleaner_for=cleaner_for or networks,
            frames_in_flight=frames_in_flight or 2 * count + _FRAMES_AT_NETWORK[device],
            megapixels_in_flight=_MEGAPIXELS_IN_FLIGHT[device],
            worker_name=worker_name,
            on_batch=on_batch,
        ) as pipeline,
    ):
        yield pipeline


class _LoadedNetworks:
    """Networks by recipe; the two used last stay loaded, for jobs of two kinds may take turns.

    Not thread-safe: the network's thread alone asks.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._loaded: dict[tuple[str, str, Precision], LineCleaner] = {}

    def __reduce__(self) -> tuple[type[_LoadedNetworks], tuple[str]]:
        """A copy in another process loads its networks itself."""
        return _LoadedNetworks, (self._device,)

    def __call__(self, recipe: Recipe) -> LineCleaner:
        """The recipe's network.

        Raises:
            FrameRejected: ``unknown_network``: it is not here, or another one of its name is, or this
                machine cannot run it.
        """
        try:
            return self.load(recipe)
        except ConfigurationError as fault:
            raise FrameRejected(Reason.UNKNOWN_NETWORK, str(fault)) from fault

    def load(self, recipe: Recipe) -> LineCleaner:
        """As calling, but raises ConfigurationError."""
        wanted = (recipe.network, recipe.network_sha256, recipe.precision)
        cleaner = self._loaded.pop(wanted, None)
        if cleaner is None:
            while len(self._loaded) >= _NETWORKS_LOADED:
                del self._loaded[next(iter(self._loaded))]
            cleaner = _load_cleaner(recipe, self._device)
        self._loaded[wanted] = cleaner
        return cleaner


def _load_cleaner(recipe: Recipe, device: str) -> LineCleaner:
    from douga_worker.network.cleaner import Cleaner  # noqa: PLC0415 - loads torch
    from douga_worker.network.weights import load_weights  # noqa: PLC0415

    weights = load_weights(recipe.network)
    if weights.sha256 != recipe.network_sha256:
        raise ConfigurationError(
            f"network '{recipe.network}' is here, but with other weights ({weights.sha256[:12]}, the recipe "
            f"says {recipe.network_sha256[:12]}); give worker and producer the same version of Douga"
        )
    return Cleaner(weights, device=device, precision=recipe.precision)


def open_single_cleaner(
    network: str, strength: float, device: str = "auto"
) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Return the way from a scan's pixels to its line image, one sheet at a time, in this process.

    Raises:
        ConfigurationError: no such network, damaged weights, or no such device.
    """
    from douga_worker.network.cleaner import Cleaner  # noqa: PLC0415
    from douga_worker.network.weights import load_weights  # noqa: PLC0415

    cleaner = Cleaner(load_weights(network), device=device)

    def clean(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        prepared = prepare_pixels(Scan(pixels=pixels, dpi=None))
        (coverage,) = cleaner.clean([prepared.working_ink], strength)
        lines = lines_of_coverage(coverage, prepared.ink)
        return drop_specks(lines, None, pencil_width_px=prepared.pencil_width_px)

    return clean
