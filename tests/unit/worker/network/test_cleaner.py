"""The network behind arrays: tiles, batches, devices, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from douga_shared.errors import ConfigurationError, FrameRejected, Reason
from douga_shared.recipe import Precision
from douga_worker.network.architecture import Shape, SimplificationNetwork
from douga_worker.network.cleaner import Cleaner
from douga_worker.network.weights import Weights

Sheet = NDArray[np.uint8]

SMALL = Shape(channels=(4, 8, 8), blocks=(1, 1, 1))
SMALLEST_TILE_PX = 2 * SMALL.reach_px + 3 * SMALL.multiple_px
STRENGTH = 0.5


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small lose more by sharing than they win, a great deal more on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_weights(shape: Shape = SMALL) -> Weights:
    """Untrained weights whose coverage of a grainy sheet is spread over all tones."""
    torch.manual_seed(11)
    network = SimplificationNetwork(shape).eval()
    head = network.head[2]
    assert isinstance(head, torch.nn.Conv2d)
    assert head.bias is not None
    with torch.no_grad():
        for name, value in network.named_parameters():
            if ".second." in name:
                value.normal_(0, 0.1)
        logits = network(torch.rand(1, 1, 96, 96), torch.tensor([STRENGTH]))
        head.weight.mul_(2.0 / logits.std())
        head.bias.sub_(logits.mean()).mul_(2.0 / logits.std())
    return Weights(name="random", sha256="", shape=shape, tensors=network.state_dict(), notes={})


def grainy_sheet(height: int, width: int, seed: int = 0) -> Sheet:
    """Every tone at every place: nothing a network could see is missing."""
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def clean_one(sheet: Sheet, strength: float = STRENGTH) -> Sheet:
    """Clean one sheet on the CPU in one piece."""
    (lines,) = Cleaner(random_weights(), device="cpu").clean([sheet], strength)
    return lines


def largest_difference(one: Sheet, other: Sheet) -> int:
    """Return the largest difference of two images, in tones."""
    return int(np.abs(one.astype(np.int16) - other).max())


@pytest.mark.parametrize("tile_px", [SMALLEST_TILE_PX + 45, 250])
def test_a_tiled_page_equals_the_untiled_one(tile_px: int) -> None:
    """No seam: the largest difference is the rounding of one tone."""
    sheet = grainy_sheet(290, 335)
    (tiled,) = Cleaner(random_weights(), device="cpu", tile_px=tile_px).clean([sheet], STRENGTH)
    assert largest_difference(clean_one(sheet), tiled) <= 1


def test_narrower_margins_would_show_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page these tests use would tell."""
    sheet = grainy_sheet(290, 335)
    cleaner = Cleaner(random_weights(), device="cpu", tile_px=SMALLEST_TILE_PX)
    monkeypatch.setattr(Shape, "reach_px", 16)
    (tiled,) = cleaner.clean([sheet], STRENGTH)
    assert largest_difference(clean_one(sheet), tiled) > 1


@pytest.mark.parametrize(
    "shape", [SMALL, Shape(channels=(2, 2, 2, 2)), Shape(channels=(3, 3), blocks=(2, 1), unshuffle=4)]
)
def test_no_pixel_is_felt_farther_than_the_stated_reach(shape: Shape) -> None:
    """Not-a-number in one pixel spreads over everything that depends on it, wherever it lies on the grid."""
    middle = shape.multiple_px * (1 + shape.reach_px // shape.multiple_px + 1)
    side = 2 * middle
    network = random_weights(shape).build()
    farthest = 0
    for offset in (0, 1, shape.multiple_px // 2, shape.multiple_px - 1):
        ink = torch.zeros(1, 1, side, side)
        ink[..., middle + offset, middle + offset] = torch.nan
        with torch.inference_mode():
            felt = torch.isnan(network(ink, torch.tensor([STRENGTH])))[0, 0].nonzero()
        farthest = max(farthest, int((felt - middle - offset).abs().max()))
    assert shape.reach_px / 2 < farthest <= shape.reach_px


def test_a_batch_equals_its_sheets_one_by_one() -> None:
    """Who shares the batch makes no difference."""
    sheets = [grainy_sheet(50, 70, seed) for seed in range(3)]
    batch = Cleaner(random_weights(), device="cpu").clean(sheets, STRENGTH)
    assert 3 == len(batch)
    for sheet, lines in zip(sheets, batch, strict=True):
        assert 0 == largest_difference(clean_one(sheet), lines)


def test_a_cpu_computes_one_sheet_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some processors' loops add in another order when a pass holds more sheets."""
    cleaner = Cleaner(random_weights(), device="cpu", tile_px=160)
    passes = []
    compute = cleaner._pass

    def noted(pages: torch.Tensor, strength: float) -> torch.Tensor:
        passes.append(len(pages))
        return compute(pages, strength)

    monkeypatch.setattr(cleaner, "_pass", noted)
    cleaner.clean([grainy_sheet(200, 40, seed) for seed in range(3)], STRENGTH)
    assert len(passes) > 3
    assert {1} == set(passes)


@pytest.mark.parametrize("shape", [(1, 1), (17, 33), (64, 8), (1, 90)])
def test_any_size_comes_back_at_its_own_size(shape: tuple[int, int]) -> None:
    """Sizes that do not fit the network's grid too."""
    lines = clean_one(grainy_sheet(*shape))
    assert (shape, np.uint8) == (lines.shape, lines.dtype.type)


def test_paper_beside_a_sheet_changes_nothing_far_from_its_edge() -> None:
    """What is added to fit the grid is paper."""
    sheet = np.zeros((160, 160), np.uint8)
    sheet[:150, :150] = grainy_sheet(150, 150)
    assert largest_difference(clean_one(sheet)[:150, :150], clean_one(sheet[:157, :157])[:150, :150]) <= 1


def test_strength_changes_the_drawing() -> None:
    """Both ends of the scale are heard, whole numbers too."""
    sheet = grainy_sheet(64, 64)
    assert largest_difference(clean_one(sheet, 0), clean_one(sheet, 1)) > 1


def test_a_sheet_is_not_written_to() -> None:
    """Read-only arrays, as they come from another process, will do."""
    sheet = grainy_sheet(40, 40)
    sheet.setflags(write=False)
    clean_one(sheet)
    assert largest_difference(grainy_sheet(40, 40), sheet) == 0


def run_out_of_memory() -> None:
    """As the CPU's allocator does it, with torch's own words."""
    torch.empty(1 << 60, dtype=torch.uint8)


def raise_memory_error() -> None:
    """As numpy does it."""
    raise MemoryError


def raise_gpu_error() -> None:
    """As the GPU's allocator does it."""
    raise torch.OutOfMemoryError("CUDA out of memory")


SHORTAGES = [run_out_of_memory, raise_memory_error, raise_gpu_error]


@pytest.mark.parametrize("shortage", SHORTAGES)
def test_a_batch_too_large_for_memory_is_halved(
    shortage: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to single sheets, each in its place."""
    cleaner = Cleaner(random_weights(), device="cpu")
    sheets = [grainy_sheet(24, 24, seed) for seed in range(5)]
    expected = cleaner.clean(sheets, STRENGTH)
    sizes = []
    roomy = cleaner._clean_batch

    def cramped(inks: Sequence[Sheet], strength: float) -> list[Sheet]:
        sizes.append(len(inks))
        if len(inks) > 1:
            shortage()
        return roomy(inks, strength)

    monkeypatch.setattr(cleaner, "_clean_batch", cramped)
    cleaned = cleaner.clean(sheets, STRENGTH)
    assert [5, 2, 1, 1, 3, 1, 2, 1, 1] == sizes
    assert [0] * 5 == [largest_difference(a, b) // 2 for a, b in zip(expected, cleaned, strict=True)]


def test_the_next_batch_is_as_large_as_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what did not fit; then more with every pass, up to what a batch may hold at most."""
    cleaner = Cleaner(random_weights(), device="cpu")
    most = cleaner.batch_megapixels
    sheets = [grainy_sheet(24, 24, seed) for seed in range(4)]
    roomy = cleaner._clean_batch
    monkeypatch.setattr(
        cleaner,
        "_clean_batch",
        lambda inks, strength: raise_memory_error() if len(inks) > 2 else roomy(inks, strength),
    )
    cleaner.clean(sheets, STRENGTH)
    assert 2 * 24 * 24 / 1e6 == pytest.approx(cleaner.batch_megapixels, rel=0.1)
    monkeypatch.setattr(cleaner, "_clean_batch", lambda inks, strength: list(inks))
    sizes = []
    for _ in range(600):
        cleaner.clean(sheets[:1], STRENGTH)
        sizes.append(cleaner.batch_megapixels)
    assert sizes == sorted(sizes)
    assert most == sizes[-1]


@pytest.mark.parametrize("shortage", SHORTAGES)
def test_a_sheet_too_large_even_alone_is_rejected(
    shortage: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This frame only, and the message says what to do."""
    cleaner = Cleaner(random_weights(), device="cpu")
    monkeypatch.setattr(cleaner, "_clean_batch", lambda inks, strength: shortage())
    with pytest.raises(FrameRejected, match=r"40x30 px .* lower resolution") as rejection:
        cleaner.clean([grainy_sheet(30, 40)], STRENGTH)
    assert Reason.OUT_OF_MEMORY is rejection.value.reason
    # Its traceback would hold the tensors of the pass, and the next sheet would not fit either.
    assert rejection.value.__context__ is None


def test_other_faults_of_the_network_are_not_taken_for_a_full_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours must be seen, not blamed on the scan."""
    cleaner = Cleaner(random_weights(), device="cpu")
    # A network of one level more than the cleaner pads for.
    deeper = Shape(channels=(4, 8, 8, 8), blocks=(1, 1, 1, 1))
    monkeypatch.setattr(cleaner, "_network", random_weights(deeper).build())
    with pytest.raises(RuntimeError, match="size"):
        cleaner.clean([grainy_sheet(8, 8)], STRENGTH)


def test_it_beats_within_every_tile_and_stops_where_the_beat_says_so() -> None:
    """A worker knows that a long sheet moves on, and can leave it in the middle."""
    beats: list[None] = []
    cleaner = Cleaner(random_weights(), device="cpu", tile_px=4 * SMALLEST_TILE_PX)
    small, large = grainy_sheet(64, 64), grainy_sheet(64, 5 * SMALLEST_TILE_PX)
    cleaner.clean([small], STRENGTH, lambda: beats.append(None))
    in_one_tile = len(beats)
    assert in_one_tile > 10
    cleaner.clean([large], STRENGTH, lambda: beats.append(None))
    assert 3 * in_one_tile == len(beats)

    def stop() -> None:
        beats.append(None)
        raise CancelledError

    beats.clear()
    with pytest.raises(CancelledError):
        cleaner.clean([large], STRENGTH, stop)
    assert 1 == len(beats)


def test_bf16_works_on_the_cpu_and_agrees_with_fp32() -> None:
    """A few tones apart, as eight bits of fraction are."""
    sheet = grainy_sheet(64, 64)
    cleaner = Cleaner(random_weights(), device="cpu", precision=Precision.BF16)
    (lines,) = cleaner.clean([sheet], STRENGTH)
    assert "cpu bfloat16" == cleaner.description
    assert 0 < largest_difference(clean_one(sheet), lines) <= 8


@pytest.mark.parametrize("precision", [Precision.AUTO, Precision.FP32])
def test_the_cpu_computes_in_fp32_unless_told_otherwise(precision: Precision) -> None:
    """What it does best."""
    assert "cpu float32" == Cleaner(random_weights(), device="cpu", precision=precision).description


def test_fp16_on_the_cpu_is_refused() -> None:
    """The message names the option and what to use instead."""
    with pytest.raises(ConfigurationError, match=r"--precision fp16 .* bf16 or fp32"):
        Cleaner(random_weights(), device="cpu", precision=Precision.FP16)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for by name it must not quietly become the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="--device cuda"):
        Cleaner(random_weights(), device="cuda")


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """No option is needed on a laptop."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "cpu" == Cleaner(random_weights(), device="auto").device


def test_a_network_that_looks_farther_than_a_tile_is_refused_at_the_start() -> None:
    """Not in the middle of a job, at its first large page."""
    with pytest.raises(ConfigurationError, match="'random' looks 62 px far"):
        Cleaner(random_weights(), device="cpu", tile_px=SMALLEST_TILE_PX - 1)
