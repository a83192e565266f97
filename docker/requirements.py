"""Write what pyproject.toml asks for, one requirement a line: its bare ones and those of the extras named.

    requirements.py worker otel

So the libraries of an image are a layer without Douga, which stays as it is while only Douga changes.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
wanted = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in sys.argv[1:])]
sys.stdout.writelines(f"{requirement}\n" for requirements in wanted for requirement in requirements)
