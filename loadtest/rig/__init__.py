"""What the load test and the bench are made of. Clusters, servers and ports come from the tests' own `support` package."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]      # loadtest/
ROOT = HERE.parent

sys.dont_write_bytecode = True                  # the source tree may be read-only, as in `make distcheck`
sys.path.insert(1, str(ROOT / "tests"))
