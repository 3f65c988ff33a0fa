"""Build step of the image: remove the files of installed packages that serving does not use, compile the rest.

Removes tests, type stubs, C and Cython sources and headers, numpy's Fortran tools, pyarrow's Flight and the second
copies of its libraries, and installed commands. The container cannot write bytecode at run time, so it is compiled
here: startup takes two thirds of the time with it.
"""

import compileall
import py_compile
import shutil
import sys
from pathlib import Path

_FOLDERS = (
    "**/tests",
    "bin",
    "numpy/f2py",
    "numpy/_core/include",
    "numpy/_pyinstaller",
    "pyarrow/include",
    "pyarrow/includes",
    "pyarrow/src",
)
_FILES = (
    *("**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.pxi", "**/*.c", "**/*.h", "**/*.a"),
    "numpy/conftest.py",
    *("pyarrow/*flight*", "pyarrow/_pyarrow_cpp_tests*", "pyarrow/libarrow_python*.so", "pyarrow/lib*.so.*.*"),
)


def prune(site: Path) -> None:
    """Remove the patterns above from `site` and compile the rest to unchecked bytecode."""
    for pattern in _FOLDERS:
        for folder in list(site.glob(pattern)):
            shutil.rmtree(folder, ignore_errors=True)
    for pattern in _FILES:
        for file in list(site.glob(pattern)):
            file.unlink(missing_ok=True)
    compile_folder(site)


def compile_folder(folder: Path) -> None:
    """Compile every module in `folder` to bytecode, deterministically; exits where one does not compile."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(folder, quiet=1, force=True, invalidation_mode=mode):
        raise SystemExit(f"a module in {folder} does not compile")


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
