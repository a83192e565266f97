"""Wait until queue and bucket of the settings take work; exit status 1 when they do not within a minute."""

from __future__ import annotations

import sys
import time

from douga_producer.client import open_farm
from douga_shared.errors import DougaError

SECONDS = 60.0


def main() -> int:
    """A bucket is ready when an object can be written, not when its port is open."""
    end = time.monotonic() + SECONDS
    with open_farm() as farm:
        while time.monotonic() < end:
            try:
                farm.jobs.job_ids()
                farm.open_store(farm.settings.staging).write("ready", b"")
            except DougaError:
                time.sleep(0.2)
            else:
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
