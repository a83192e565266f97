"""What many threads of a worker read at once, from their very first message on."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROBE = """
import importlib.util, json, sys, threading
import msgspec

sys.setswitchinterval(1e-6)
module_name, type_name, sample = sys.argv[1:]
path = importlib.util.find_spec(module_name).origin


def read(kind, value, barrier):
    barrier.wait()
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        pass


for number in range(250):
    spec = importlib.util.spec_from_file_location(f"fresh_{number}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    kind = getattr(module, type_name)
    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=read, args=(kind, json.loads(sample), barrier)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@pytest.mark.parametrize(
    ("module", "kind", "sample"),
    [
        ("douga_shared.messages", "Chunk", '{"sent_at": "now"}'),
        ("douga_shared.jobs", "Job", '{"submitted_at": "now"}'),
        ("douga_shared.manifest", "FrameRecord", '{"worker": 0}'),
        ("douga_shared.job_store.protocol", "DeadLetter", '{"failed_at": "now"}'),
        ("douga_worker.accounts", "AccountOrder", '{"drawings": 0}'),
    ],
)
def test_threads_may_read_their_first_messages_at_once(module: str, kind: str, sample: str) -> None:
    """A type that msgspec does not know by then crashes the process."""
    command = [sys.executable, "-c", _PROBE, module, kind, sample]
    probe = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert (0, "") == (probe.returncode, probe.stderr)
