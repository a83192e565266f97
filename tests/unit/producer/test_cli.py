"""The command `douga` itself: help, mistakes, missing extras, exit codes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import click
import pytest

import douga_shared
from douga_producer import cli
from douga_shared.errors import ConfigurationError, FrameRejected, InputMissing, Reason, StoreUnreachable

COMMANDS = [
    "cancel",
    "clean",
    "evaluate",
    "exporter",
    "fetch",
    "jobs",
    "pause",
    "reconcile",
    "report",
    "resume",
    "retry",
    "samples",
    "status",
    "submit",
    "train",
    "watch",
    "worker",
]
MEASURED = """
import json, resource, sys
from douga_producer.cli import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps({"seconds": used.ru_utime + used.ru_stime, "loaded": loaded}), file=sys.stderr)
"""
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if {{name, name.partition(".")[0]}} & {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from douga_producer.cli import main
main()
"""
WORKER_EXTRA = {"PIL", "cv2", "numpy", "rich", "safetensors", "scipy", "skimage", "torch", "vtracer"}


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program text in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )


def run_douga(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["douga", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert isinstance(left.value.code, int)
    return left.value.code


def test_help_lists_every_command_with_its_purpose() -> None:
    """In the order of the alphabet."""
    answer = run(MEASURED, "--help")
    lines = [line.split() for line in answer.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert 0 == answer.returncode
    assert COMMANDS == [line[0] for line in lines]
    assert all(len(line) > 3 for line in lines)


def test_help_answers_in_under_half_a_second() -> None:
    """It waits for no heavy library.

    Judged by the processor time of the quickest of three runs, a fifth of a second as a rule: the time
    on the wall belongs to whatever else the machine is doing.
    """
    answers = [json.loads(run(MEASURED, "--help").stderr) for _ in range(3)]
    assert set() == WORKER_EXTRA & set(answers[0]["loaded"])
    seconds = min(answer["seconds"] for answer in answers)
    print(f"douga --help: {seconds:.3f} s")
    assert seconds < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_needs_no_worker_extra(command: str) -> None:
    """A studio's machine explains every command, also those it cannot run."""
    answer = run(WITHOUT.format(missing=WORKER_EXTRA), command, "--help")
    assert (0, "") == (answer.returncode, answer.stderr)
    assert f"Usage: -c {command}" in answer.stdout


@pytest.mark.parametrize("missing", ["cv2", "torch"])
def test_a_missing_extra_is_named_with_its_remedy(
    missing: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`douga clean` without the worker's packages says what to install, in one line."""
    scans = tmp_path_factory.mktemp("scans")
    (scans / "A1.png").write_bytes(b"x")
    answer = run(WITHOUT.format(missing={missing}), "clean", str(scans), str(scans / "out"))
    assert 2 == answer.returncode
    expected = f"Error: 'douga clean' needs the package '{missing}': pip install 'douga[worker]'\n"
    assert expected == answer.stderr


def test_a_module_of_our_own_that_is_missing_is_a_fault_and_no_extra() -> None:
    """A broken installation must be seen as one."""
    answer = run(WITHOUT.format(missing={"douga_worker.local"}), "clean", "a", "b")
    assert 1 == answer.returncode
    assert "Traceback" in answer.stderr


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cleen", "No such command 'cleen'. Did you mean 'clean'?"),
        ("xyz", f"No such command 'xyz'. There are {', '.join(COMMANDS)}."),
    ],
)
def test_an_unknown_command_is_a_usage_error_that_helps(
    word: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the nearest word, or all of them."""
    assert 2 == run_douga(monkeypatch, word)
    assert f"Error: {expected}" == capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--nonsense"], ["clean", "--nonsense"], ["clean"]])
def test_a_line_that_cannot_be_understood_exits_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown options, missing arguments."""
    assert 2 == run_douga(monkeypatch, *arguments)


def test_the_version_is_the_package_s(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One number, in one place."""
    assert 0 == run_douga(monkeypatch, "--version")
    assert f"douga, version {douga_shared.__version__}\n" == capsys.readouterr().out


@contextmanager
def command_that_ends(monkeypatch: pytest.MonkeyPatch, end: BaseException | int | None) -> Iterator[None]:
    """In place of `douga clean`, a command that raises or returns something."""

    @click.command("clean")
    def command() -> int | None:
        if isinstance(end, BaseException):
            raise end
        return end

    with monkeypatch.context() as patched:
        patched.setattr(importlib, "import_module", lambda name: SimpleNamespace(command=command))
        yield


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        (None, 0, ""),
        (0, 0, ""),
        (3, 3, ""),
        (ConfigurationError("--outputs: 'gif'"), 2, "douga: --outputs: 'gif'"),
        (FrameRejected(Reason.EMPTY, "A1.png is empty"), 3, "douga: A1.png is empty"),
        (InputMissing("no scans"), 4, "douga: no scans"),
        (StoreUnreachable("no answer"), 5, "douga: no answer"),
        (MemoryError(), 33, "douga: out of memory; give it more, or fewer --processes"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (click.UsageError("what?"), 2, "Error: what?"),
    ],
    ids=repr,
)
def test_the_exit_code_tells_how_it_ended(
    end: BaseException | int | None,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The contract with render farms; one line says why."""
    with command_that_ends(monkeypatch, end):
        assert code == run_douga(monkeypatch, "clean")
    assert said == "".join(capsys.readouterr().err.strip().splitlines()[-1:])


def test_a_fault_of_our_own_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing hides it: Python ends with 1, which is INTERNAL."""
    monkeypatch.setattr(sys, "argv", ["douga", "clean"])
    with command_that_ends(monkeypatch, ValueError("ours")), pytest.raises(ValueError, match="ours"):
        cli.main()
