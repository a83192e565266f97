"""Composition root: what was asked for -> network, processes, pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from douga_shared.object_store.protocol import ObjectStore
from douga_shared.recipe import Precision, Recipe
from douga_worker.isolated import IsolatedProcesses
from douga_worker.pipeline import Instructions, Pipeline
from douga_worker.steps.clear_fog import clear_fog
from douga_worker.steps.prepare_scan import prepare_pixels
from douga_worker.steps.read_scan import Scan
from douga_worker.steps.resample import to_scan_size


def find_recipe(network: str, strength: float, line_weight_px: float | None, precision: Precision) -> Recipe:
    """Pin the network by its hash.

    Raises:
        ConfigurationError: no such network, damaged weights, or a value out of its range.
    """
    from douga_worker.network.weights import load_weights  # noqa: PLC0415 - loads torch

    return Recipe(
        network=network,
        network_sha256=load_weights(network).sha256,
        strength=strength,
        line_weight_px=line_weight_px,
        precision=precision,
    )


@contextmanager
def open_pipeline(
    scans: ObjectStore,
    drawings: ObjectStore,
    instructions: Instructions,
    *,
    device: str = "auto",
    process_count: int | None = None,
) -> Iterator[Pipeline]:
    """Load the network, start the processes, and stop them at the end.

    Args:
        scans: where the frames are read.
        drawings: where drawings and done markers go.
        instructions: recipe and outputs.
        device: ``auto``, ``cpu`` or ``cuda``.
        process_count: processes beside the network; None takes one a core, eight at most.
    """
    # Here and not above: nothing may load torch before there is work for it.
    from douga_worker.network.cleaner import Cleaner  # noqa: PLC0415
    from douga_worker.network.weights import load_weights  # noqa: PLC0415

    recipe = instructions.recipe
    count = process_count or min(8, len(os.sched_getaffinity(0)))
    with IsolatedProcesses(count) as processes:
        cleaner = Cleaner(load_weights(recipe.network), device=device, precision=recipe.precision)
        yield Pipeline(
            scans=scans,
            drawings=drawings,
            cleaner=cleaner,
            processes=processes,
            process_count=count,
            instructions=instructions,
        )


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
        return to_scan_size(clear_fog(coverage), (pixels.shape[0], pixels.shape[1]))

    return clean
