"""Lets the tests import the programs as ``make`` runs them: from this folder's parent."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
