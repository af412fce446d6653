"""Turns one exec into whether its file may be a stranger to the image, which the judge is to ask about.

Which image a container has is known at the end, and only then which layers hold what it ran. Until then the first run
of each file is kept that not every image holds whose contents are known.
"""

from tidewaiter.chain import BY_PID, Action
from tidewaiter.identity import IdentityGraph
from tidewaiter.image_contents import can_be_told

_PATHS_REMEMBERED = 65_536


class Strangers:
    """Knows which paths some image does not hold; what was asked once is remembered."""

    def __init__(self, graph: IdentityGraph) -> None:
        self._graph = graph
        self._known: dict[str, bool] = {}
        self._images = 0

    def may_be(self, action: Action) -> bool:
        """Whether some image whose contents are known does not hold what was run. Does not depend on who ran it.

        What was found by its process id alone is left out: a process id may turn out to have been another container's.
        """
        contents, path = self._graph.contents, action.exe
        if not contents or action.kind != "exec" or action.prefix == BY_PID or path is None or not can_be_told(path):
            return False
        if len(contents) != self._images or len(self._known) >= _PATHS_REMEMBERED:
            self._images = len(contents)
            self._known.clear()
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = any(held.layer_of(path) is None for held in contents.values())
        return found
