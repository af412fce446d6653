"""Holds the impure room: files, sockets, clock and the run loops around the core."""
