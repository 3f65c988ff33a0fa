"""Run while the image is built: takes out of a folder of installed packages what serving never opens.

Tests, type stubs, C sources and headers, numpy's Fortran tools, installed commands; then bytecode is made, because
the running container cannot write any and starts in two thirds of the time with it.
"""

import compileall
import py_compile
import shutil
import sys
from pathlib import Path

_FOLDERS = ("**/tests", "bin", "numpy/f2py", "numpy/_core/include", "numpy/_pyinstaller")
_FILES = ("**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.c", "**/*.h", "**/*.a", "numpy/conftest.py")


def prune(site: Path) -> None:
    """Remove the patterns above from `site` and compile the rest; bytecode is not checked against its source."""
    for pattern in _FOLDERS:
        for folder in list(site.glob(pattern)):
            shutil.rmtree(folder, ignore_errors=True)
    for pattern in _FILES:
        for file in list(site.glob(pattern)):
            file.unlink(missing_ok=True)
    compile_folder(site)


def compile_folder(folder: Path) -> None:
    """Bytecode for every module in `folder`; the same sources give the same bytes."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(folder, quiet=1, force=True, invalidation_mode=mode):
        raise SystemExit(f"a module in {folder} does not compile")


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
