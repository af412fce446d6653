"""Which layer holds what ran: links, folders that are links, loops, and paths that say nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.image_contents import ImageContents, can_be_told

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
DEBIAN = ImageContents(
    {"/usr/bin/dash": ONE, "/usr/bin/python3.11": TWO, "/opt/app/run": TWO},
    {
        "/bin": "usr/bin",
        "/usr/bin/sh": "dash",
        "/usr/bin/python3": "/usr/bin/python3.11",
        "/etc/alternatives/py": "../../usr/bin/python3",
        "/a": "/b",
        "/b": "a",
        "/app": "/opt/./app/",
    },
)


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("/usr/bin/dash", ONE),
        ("/bin/dash", ONE),
        ("/bin/sh", ONE),
        ("/bin//./sh", ONE),
        ("/usr/../bin/sh", ONE),
        ("/bin/../dash", None),  # the kernel goes up from /usr/bin, where the link leads
        ("/etc/alternatives/py", TWO),
        ("/app/run", TWO),
        ("/../../opt/app/run", TWO),
        ("/usr/bin/curl", None),
        ("/srv/dash", None),
        ("/usr/bin", None),
        ("/a", None),
        ("/a/x", None),
        ("", None),
    ],
)
def test_links_are_followed_as_the_kernel_does(path: str, layer: str | None) -> None:
    """Folders that are links among them; what leads nowhere is held by no layer."""
    assert DEBIAN.layer_of(path) == layer


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/srv/x", True),
        ("/usr/bin/curl", True),
        ("curl", False),
        (None, False),
        ("", False),
        ("/proc/self/fd/6", False),
        ("/proc/self/exe", False),
        ("/dev/fd/5", False),
        ("/memfd:x", False),
        ("/sbin/docker-init", False),
        ("/sbin/../sbin/docker-init", False),
        ("/dev/mqueue/x", True),
    ],
)
def test_only_a_place_in_the_image_can_be_missing_there(path: str | None, says: bool) -> None:
    """A bare name, an open file, and what a runtime puts there say nothing."""
    assert can_be_told(path) is says


@given(
    st.dictionaries(st.text("/ab.", max_size=8).map("/".__add__), st.text("/ab.", max_size=8), max_size=8),
    st.text("/ab.", max_size=20),
)
def test_no_links_make_it_hang(links: dict[str, str], path: str) -> None:
    """Whatever an image's links say, an answer comes."""
    assert ImageContents({}, links).layer_of(path) is None
