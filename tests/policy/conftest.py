"""The pack's modules, which Pulumi runs with their own folder on the path, and the program's own fixtures."""

import sys

from tests.infra.conftest import project
from tests.infra.recorder import ROOT

sys.path.insert(0, str(ROOT / "policy"))

__all__ = ["project"]
