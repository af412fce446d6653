"""Turns an analytic of ours into the same with ATT&CK's names, as the newest release that was imported has them."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from tidewaiter.alert import AttackNames
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_shown import shown
from tidewaiter.edge.attack_store import StoreError, default_path, opened
from tidewaiter.judge import Analytic


def named(analytic: Analytic, on_fault: Callable[[str], None], store: Path | None = None) -> Analytic:
    """The analytic with its names where a release is imported; where it is not, as it is.

    A store that cannot be read costs the names and nothing else: `on_fault` is told in a sentence.
    """
    path = store or default_path()
    try:
        if not path.exists() or not path.stat().st_size:  # a first import that failed leaves an empty file
            return analytic
        with opened(path) as connection:
            library = Library(connection)
            release = library.release()
            told = shown(library, analytic.id, release)
            technique = library.find(analytic.technique, release)
            strategy = library.find(analytic.detection_strategy, release)
    except (StoreError, OSError) as error:
        on_fault(f"alerts go without ATT&CK's names: {error}")
        return analytic
    names = AttackNames(
        release=f"{release.domain} {release.name}",
        analytic=told.name,
        technique=technique.name,
        detection_strategy=strategy.id,
        detection_strategy_name=strategy.name,
        tactics=told.tactics,
    )
    return msgspec.structs.replace(analytic, names=names)
