"""Starts the benchmark wherever it is called from: `python bench/run.py`; all else is in `measure.py`."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    runpy.run_module("bench.measure", run_name="__main__", alter_sys=True)
