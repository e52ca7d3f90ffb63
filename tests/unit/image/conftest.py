"""The scripts that assemble the action image are no part of the package: they lie beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
