"""What is wired together: the networks that a pipeline finds for its recipes."""

from __future__ import annotations

import msgspec
import pytest

from douga_shared.errors import ConfigurationError, FrameRejected, Reason
from douga_shared.recipe import Precision, Recipe
from douga_worker.wiring import _LoadedNetworks, find_sha256, open_pipeline

RECIPE = Recipe(network_sha256=find_sha256("fast"))


def test_a_network_stays_loaded_while_two_recipes_take_turns() -> None:
    """Strength needs no other network; a third precision pushes out the one not used for longest."""
    networks = _LoadedNetworks("cpu")
    half, full = (msgspec.structs.replace(RECIPE, precision=p) for p in (Precision.BF16, Precision.FP32))
    first, second = networks(RECIPE), networks(half)
    assert networks(msgspec.structs.replace(RECIPE, strength=0.9)) is first
    networks(full)
    assert networks(RECIPE) is first
    assert networks(half) is not second


def test_other_weights_of_the_same_name_are_another_network() -> None:
    """A worker of an older version must not draw what it was not asked for."""
    with pytest.raises(FrameRejected, match="other weights") as rejection:
        _LoadedNetworks("cpu")(msgspec.structs.replace(RECIPE, network_sha256="0" * 64))
    assert Reason.UNKNOWN_NETWORK is rejection.value.reason


@pytest.mark.parametrize(
    "change", [{"network": "nosuch"}, {"precision": Precision.FP16}], ids=["name", "fp16"]
)
def test_what_this_machine_cannot_do_fails_the_frame_or_the_start(change: dict[str, object]) -> None:
    """The frame, when it comes along in a queue; the start, when it was asked for here."""
    recipe = msgspec.structs.replace(RECIPE, **change)
    with pytest.raises(FrameRejected) as rejection:
        _LoadedNetworks("cpu")(recipe)
    assert Reason.UNKNOWN_NETWORK is rejection.value.reason
    with pytest.raises(ConfigurationError), open_pipeline(device="cpu", recipe=recipe):
        pass
