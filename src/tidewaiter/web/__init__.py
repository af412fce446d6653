"""Turns what tidewaiter found into pages: self-contained HTML that asks nobody for anything."""
