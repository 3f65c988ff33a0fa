"""Where the benchmark keeps what it makes; everything but the results is under `.build`, which git ignores."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
BUILD = ROOT / ".build" / "bench"
ENVIRONMENTS = BUILD / "environments"
ARTIFACTS = BUILD / "artifacts"
LOGS = BUILD / "logs"
