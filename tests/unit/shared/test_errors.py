"""What a farm learns from the way a command ends."""

from __future__ import annotations

import pickle

import pytest

from douga_shared import errors
from douga_shared.errors import DougaError, ExitCode, FrameRejected, Reason


def test_exit_codes_are_the_contract_with_farms() -> None:
    """Farms are configured with these numbers; they never change."""
    expected = {
        "OK": 0,
        "INTERNAL": 1,
        "USAGE": 2,
        "SOME_FRAMES_FAILED": 3,
        "INPUT_MISSING": 4,
        "UNREACHABLE": 5,
        "OUT_OF_MEMORY": 33,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }
    assert expected == {code.name: code.value for code in ExitCode}


def test_no_exit_code_means_something_else_to_a_farm() -> None:
    """OpenCue reads 137 as out of memory and keeps 256 and above for itself."""
    assert {code for code in ExitCode if code == 137 or code > 255} == set()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DougaError("x"), 1),
        (errors.ConfigurationError("x"), 2),
        (FrameRejected(Reason.EMPTY, "x"), 3),
        (errors.InputMissing("x"), 4),
        (errors.StoreUnreachable("x"), 5),
    ],
)
def test_the_class_of_an_error_decides_the_exit_code(error: DougaError, expected: int) -> None:
    """Whoever catches an error needs no table."""
    assert expected == error.exit_code


def test_a_rejection_reads_as_its_message() -> None:
    """The last lines of a run print rejections to people."""
    assert "A0001.png is empty" == str(FrameRejected(Reason.EMPTY, "A0001.png is empty"))


def test_a_rejection_comes_whole_out_of_another_process() -> None:
    """Steps run in processes of their own; their errors are pickled."""
    error = pickle.loads(pickle.dumps(FrameRejected(Reason.DAMAGED, "A0001.png is damaged")))
    assert (Reason.DAMAGED, "A0001.png is damaged") == (error.reason, error.message)
