"""`make test-versions`: the tests on the oldest and on the newest libraries that pyproject.toml allows.

Each has an environment of its own beside .venv, made anew by uv: `lowest-direct` takes the lowest version of each that
is named there, and of what these need the newest. VERSIONS=oldest or newest runs one, TESTS names a part.
"""

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}


def uv() -> str:
    """Return uv, installed beside the others where it is not yet."""
    folder = ROOT / ".venv-uv"
    if not (folder / "bin" / "uv").exists():
        venv.create(folder, clear=True, with_pip=True)
        run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv")
    return str(folder / "bin" / "uv")


def run(*command: str, check: bool = True) -> int:
    return subprocess.run(command, cwd=ROOT, check=check).returncode  # noqa: S603 - our own


def prepare(name: str) -> str:
    """Make the environment of this name, and return its Python."""
    python = str(ROOT / f".venv-{name}" / "bin" / "python")
    run(uv(), "venv", "--quiet", "--clear", "--python", sys.executable, str(ROOT / f".venv-{name}"))
    wanted = ("--requirements", "pyproject.toml", "--group", "dev")
    run(uv(), "pip", "install", "--quiet", "--python", python, "--resolution", RESOLUTIONS[name], *wanted)
    return python


def main(names: Sequence[str], tests: str) -> int:
    """Return the exit code."""
    if not set(names) <= set(RESOLUTIONS):
        print(__doc__, file=sys.stderr)
        return 2
    failed = []
    for name in names:
        print(f"versions: the {name}", flush=True)
        how = ("-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile")
        if run(prepare(name), "-m", "pytest", *how, *tests.split(), check=False):
            failed.append(name)
    print(f"versions: {', '.join(names)}; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(os.environ.get("VERSIONS", " ".join(RESOLUTIONS)).split(), os.environ.get("TESTS", "tests")))
