"""Compile topn.c and als.c: `python -m model_service.native.build`; also runs as a single file, without this package.

The compiler is $CC, else clang from the PyPI package `ziglang` (its code was 20 % faster than gcc 12's), else `cc`.
No library is linked: the result runs on every processor of its architecture and with every C library.
"""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).parent
LIBRARIES = (_FOLDER / "topn.so", _FOLDER / "als.so")
LIBRARY = LIBRARIES[0]
_WARNINGS = ("-Wall", "-Wextra", "-Werror")
_NUMBERS = ("-ffp-contract=off", "-fno-math-errno")  # the second: sqrt compiles to an instruction, not a call
_LIBRARY = ("-shared", "-fPIC", "-s", "-fvisibility=hidden", "-nostdlib", "-ffreestanding")
_FLAGS = ("-std=c11", "-O3", *_WARNINGS, *_NUMBERS, *_LIBRARY)


class BuildError(Exception):
    """No compiler was found, or it failed; the message names the fix."""


def build(library: Path = LIBRARY) -> Path:
    """Compile the source of the same name to `library`, replaced atomically; raises BuildError."""
    library.parent.mkdir(parents=True, exist_ok=True)
    fresh = library.with_suffix(".new")
    command = [*_compiler(), *_FLAGS, "-o", str(fresh), str(_FOLDER / f"{library.stem}.c")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"{shlex.join(command)} does not start: {error}; set CC to a C compiler") from None
    if done.returncode:
        raise BuildError(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")
    fresh.replace(library)
    return library


def _compiler() -> list[str]:
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"]
    if shutil.which("cc"):
        return ["cc"]
    raise BuildError("no C compiler: install one (Debian: apt-get install gcc) or `pip install ziglang`, or set CC")


if __name__ == "__main__":
    try:
        for library in map(Path, sys.argv[1:2]) if sys.argv[1:] else LIBRARIES:
            print(build(library))
    except BuildError as problem:
        raise SystemExit(str(problem)) from None
