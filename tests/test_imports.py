"""Which package may import which other one of this repository, and that no circle is among them."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
ANY: Final = frozenset({"model_service", "mock_runtime", "infra", "local", "deploy", "benchmarks"})
MAY_IMPORT: Final[Mapping[str, frozenset[str]]] = {
    "__main__": frozenset({"infra"}),
    "infra": frozenset({"model_service.ann_index", "model_service.metadata", "model_service.url_settings"}),
    "model_service": frozenset(),
    "mock_runtime": frozenset(),
    "policy": frozenset(),
    "examples": frozenset({"infra"}),
    "local": frozenset({"mock_runtime", "infra.service.diagnosis"}),
    "deploy": frozenset(
        {
            "local",
            "mock_runtime",
            "infra.config.arns",
            "infra.aws_limits",
            "infra.naming",
            "infra.service.diagnosis",
            "model_service.metadata",
        }
    ),
    "benchmarks": ANY,
    "docs": ANY,
    "notebooks": ANY,
}
"""A package, or `__main__.py`, and the packages or modules of this repository that it may import beside its own."""


def packages(root: Path) -> set[str]:
    """The top-level folders with Python code, without the tests, and the modules beside them."""
    folders = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    modules = {path.stem for path in root.glob("*.py")}
    return {name for name in folders if any((root / name).rglob("*.py"))} - {"tests"} | modules


def imports(root: Path, package: str) -> Iterator[tuple[Path, str]]:
    """Every import in a package of another of this repository, as file and module; those inside functions too."""
    others = packages(root) - {package}
    folder = root / package
    for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for module in _modules(node):
                if module.partition(".")[0] in others:
                    yield file.relative_to(root), module


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _allowed(module: str, allowed: frozenset[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def forbidden(root: Path, may_import: Mapping[str, frozenset[str]]) -> list[str]:
    """A line for each import that the table does not allow."""
    return [
        f"{file} imports {module}"
        for package, allowed in may_import.items()
        for file, module in imports(root, package)
        if not _allowed(module, allowed)
    ]


def check_no_circle(root: Path) -> None:
    """Raise `CycleError` for packages that import each other, directly or through others."""
    graph = {one: {module.partition(".")[0] for _, module in imports(root, one)} for one in packages(root)}
    TopologicalSorter(graph).prepare()


def test_every_package_is_in_the_table() -> None:
    assert set(MAY_IMPORT) == packages(ROOT)


def test_a_package_imports_what_it_may_and_nothing_else() -> None:
    assert forbidden(ROOT, MAY_IMPORT) == []


def test_packages_do_not_import_each_other_in_a_circle() -> None:
    check_no_circle(ROOT)


@pytest.mark.parametrize("line", ["import two.inner", "from two.inner import x", "def f():\n    from two import inner"])
def test_an_import_that_is_not_allowed_and_a_circle_are_found(line: str, tmp_path: Path) -> None:
    for package, text in {"one": line, "two": "import three", "three": "import one.inner"}.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / "inner.py").write_text(text)
    table = {"one": frozenset({"two"}), "two": frozenset({"three"}), "three": frozenset({"one"})}
    assert forbidden(tmp_path, table) == []
    assert forbidden(tmp_path, {**table, "one": frozenset({"two.other"})}) == [
        f"one/inner.py imports two.inner{'.x' if line.endswith('x') else ''}"
    ]
    with pytest.raises(CycleError):
        check_no_circle(tmp_path)


def test_no_aws_module_is_loaded_before_a_resource_of_it_is_made() -> None:
    """Each takes up to a second, and every evaluation of the program would pay for those that a stack does not use."""
    code = (
        "import importlib, pkgutil, sys, infra\n"
        "for module in pkgutil.walk_packages(infra.__path__, 'infra.'):\n    importlib.import_module(module.name)\n"
        "print(*(name for name in sys.modules if name.startswith('pulumi_aws.') and name.count('.') > 1))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
