"""Holds the commands: each module here turns one command line into exit status and output."""
