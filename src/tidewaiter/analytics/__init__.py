"""Holds the analytics: each module here turns a case into a judgement, as one ATT&CK analytic asks."""

import importlib
import pkgutil
from functools import cache

from tidewaiter.judge import Analytic


@cache
def analytics() -> dict[str, Analytic]:
    """All analytics by ATT&CK id, found by walking this package."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {module.ANALYTIC.id: module.ANALYTIC for module in modules if hasattr(module, "ANALYTIC")}
