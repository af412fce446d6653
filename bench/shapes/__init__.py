"""Holds the record shapes: one module a producer, each turning a container and a moment into one line of its JSON.

Shapes follow the producers' own documentation; names, ids and addresses are invented.
"""
