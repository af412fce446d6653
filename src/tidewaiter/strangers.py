"""Turns one exec into whether its file may be a stranger to the image, which the judge is to ask about.

Which image a container has is known at the end, and only then which layers hold what it ran. Until then the first run
of each file is kept that not every image holds whose contents are known.
"""

from tidewaiter.chain import BY_PID, Action
from tidewaiter.identity import IdentityGraph
from tidewaiter.image_contents import can_be_told


def may_be_stranger(action: Action, graph: IdentityGraph) -> bool:
    """Whether some image whose contents are known does not hold what was run. Does not depend on who ran it.

    What was found by its process id alone is left out: a process id may turn out to have been another container's.
    """
    if not graph.contents or action.kind != "exec" or action.prefix == BY_PID or not can_be_told(action.exe):
        return False
    return any(contents.layer_of(action.exe or "") is None for contents in graph.contents.values())
