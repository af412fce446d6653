"""Profiles one hunt, in this process: `python -m bench.profile_hunt FILE [--sort tottime] [--top 40]`.

The profiler slows small functions down more than large ones: read shares, not seconds.
"""

import argparse
import cProfile
import io
import pstats
import sys
from contextlib import redirect_stdout
from pathlib import Path

from tidewaiter.cli import main as tidewaiter

POLICY = Path(__file__).resolve().parent / "policy.yaml"


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile_hunt", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--sort", default="tottime", choices=("tottime", "cumtime", "ncalls"))
    parser.add_argument("--top", type=int, default=40)
    chosen = parser.parse_args(arguments)
    profiler = cProfile.Profile()
    status: object = 0
    sys.argv = ["tidewaiter", "hunt", str(chosen.file), "--policy", str(POLICY), "--format", "jsonl"]
    with redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        profiler.enable()
        try:
            tidewaiter()
        except SystemExit as left:
            status = left.code
        finally:
            profiler.disable()
    print(f"hunt's exit status: {status}")
    pstats.Stats(profiler).sort_stats(chosen.sort).print_stats(chosen.top)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
