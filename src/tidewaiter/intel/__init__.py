"""Turns articles into briefings: indicators with a disposition and a reason, techniques with evidence, and hunts."""
