"""Keeps, of an audit log on standard input, the events of some processes and of all they started; changes nothing.

Usage: keep_tree.py PID... <audit.log. Children are found by the parent pids in the log. The lines of one audit event
(one serial) stay together or go together.
"""

import re
import sys

SERIAL = re.compile(r"msg=audit\(([0-9.]+:[0-9]+)\)")
PIDS = re.compile(r"^type=SYSCALL .* ppid=([0-9]+) pid=([0-9]+) ")


def main(roots: set[int]) -> None:
    """Find the processes in the order they appear, then print the lines of their events."""
    lines = [line for line in sys.stdin.read().split("\n") if SERIAL.search(line)]
    family = set(roots)
    serials = set()
    for line in lines:
        pids = PIDS.search(line)
        if pids and not family.isdisjoint((int(pids[1]), int(pids[2]))):
            family.add(int(pids[2]))
            serials.add(SERIAL.findall(line)[0])
    for line in lines:
        if SERIAL.findall(line)[0] in serials:
            print(line)


if __name__ == "__main__":
    main({int(pid) for pid in sys.argv[1:]})
