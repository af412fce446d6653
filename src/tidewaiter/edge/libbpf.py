"""Turns a BPF object file into programs that run in the kernel, through libbpf.so.1 and without a compiler.

Nothing is pinned: programs, links and maps go with the object, and with the process at the latest.

Sources: libbpf 1.x `libbpf.h` and `bpf.h`; what fails gives NULL with errno, or a negative errno.
"""

import ctypes
import os
from contextlib import ExitStack
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path

LIBRARY = "libbpf.so.1"
_WARNING = 0
_EMPTY = ("failed to load", "-- ", "processed ", "prog '", "permission error while", "Error in ")
"""How lines of its log begin that only repeat that something failed, or guess."""
_LOG_LINES = 40
"""libbpf's last warnings that are kept; a verifier's log has thousands of lines, the reason at its end."""
_LONGEST_LINE = 1 << 16

_Print = ctypes.CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)
_Sample = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)

_POINTER_FUNCTIONS = {
    "bpf_object__open_file": [c_char_p, c_void_p],
    "bpf_object__next_program": [c_void_p, c_void_p],
    "bpf_object__find_map_by_name": [c_void_p, c_char_p],
    "bpf_program__attach": [c_void_p],
    "bpf_program__attach_cgroup": [c_void_p, c_int],
    "ring_buffer__new": [c_int, _Sample, c_void_p, c_void_p],
}
_INT_FUNCTIONS = {
    "bpf_object__load": [c_void_p],
    "bpf_program__set_autoload": [c_void_p, ctypes.c_bool],
    "bpf_link__destroy": [c_void_p],
    "bpf_map__fd": [c_void_p],
    "bpf_map__set_max_entries": [c_void_p, c_uint32],
    "bpf_map_update_elem": [c_int, c_char_p, c_void_p, c_uint64],
    "bpf_map_delete_elem": [c_int, c_char_p],
    "bpf_map_lookup_elem": [c_int, c_char_p, c_void_p],
    "libbpf_num_possible_cpus": [],
    "ring_buffer__epoll_fd": [c_void_p],
}
_VOID_FUNCTIONS = {"bpf_object__close": [c_void_p], "ring_buffer__free": [c_void_p]}
_TEXT_FUNCTIONS = {"bpf_program__section_name": [c_void_p], "libbpf_version_string": []}


class LibbpfError(Exception):
    """BPF cannot be used here; the text says what failed, for people."""


class _Library:
    """libbpf with the types of its functions, and what it last warned of."""

    def __init__(self) -> None:
        self.free = ctypes.CDLL(LIBRARY, use_errno=True)
        for functions, result in (
            (_POINTER_FUNCTIONS, c_void_p),
            (_INT_FUNCTIONS, c_int),
            (_VOID_FUNCTIONS, None),
            (_TEXT_FUNCTIONS, c_char_p),
        ):
            for name, arguments in functions.items():
                function = getattr(self.free, name)
                function.argtypes, function.restype = arguments, result
        # Called with Python's lock held: a callback that had to take it for each record would wait for other threads
        # each time, up to 5 ms.
        self.held = ctypes.PyDLL(LIBRARY)
        self.held.ring_buffer__consume.argtypes = [c_void_p]
        self.warnings: list[str] = []
        self._format = ctypes.CDLL(None).vsnprintf
        self._format.argtypes = [c_void_p, c_size_t, c_char_p, c_void_p]
        self._print = _Print(self._listen)
        self.free.libbpf_set_print(self._print)

    def _listen(self, level: int, form: bytes, arguments: int) -> int:
        if level == _WARNING:
            line = ctypes.create_string_buffer(_LONGEST_LINE)
            self._format(line, _LONGEST_LINE, form, arguments)
            text = line.value.decode(errors="replace")
            self.warnings += [part for part in text.splitlines() if part.strip()]
            del self.warnings[:-_LOG_LINES]
        return 0


@cache
def _library() -> _Library:
    try:
        return _Library()
    except (OSError, AttributeError) as error:
        raise LibbpfError(f"{LIBRARY} cannot be used: {error}") from None


def version() -> str:
    """libbpf's version, `v1.1`. Raises LibbpfError where it is not installed."""
    text: bytes = _library().free.libbpf_version_string()
    return text.decode()


class BpfObject:
    """An object file of BPF programs: opened, changed, loaded, attached, and closed with the context."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises LibbpfError."""
        self._at = _library()
        self._at.warnings.clear()
        self._end = ExitStack()
        self._object = self._pointer(f"open {path.name}", self._at.free.bpf_object__open_file(os.fsencode(path), None))
        self._end.callback(self._at.free.bpf_object__close, self._object)

    def __enter__(self) -> "BpfObject":
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def programs(self) -> dict[str, int]:
        """The sections that programs are in, as written in the source, and the programs."""
        found: dict[str, int] = {}
        program = self._at.free.bpf_object__next_program(self._object, None)
        while program:
            found[self._at.free.bpf_program__section_name(program).decode()] = program
            program = self._at.free.bpf_object__next_program(self._object, program)
        return found

    def leave_out(self, section: str) -> None:
        """Do not load a program."""
        self._number(f"leave out {section}", self._at.free.bpf_program__set_autoload(self.programs()[section], False))

    def resize(self, name: str, entries: int) -> None:
        """Give a map another size than the source does, before it is loaded."""
        self._number(f"resize {name}", self._at.free.bpf_map__set_max_entries(self._map(name), entries))

    def load(self) -> None:
        """Load maps and programs into the kernel. Raises LibbpfError with what kernel and libbpf said."""
        self._number("load the programs", self._at.free.bpf_object__load(self._object))

    def attach(self, section: str, cgroup: int | None = None) -> None:
        """Let a loaded program run: where its section says, or for the cgroup of a file descriptor."""
        program = self.programs()[section]
        if cgroup is None:
            link = self._pointer(f"attach {section}", self._at.free.bpf_program__attach(program))
        else:
            link = self._pointer(f"attach {section}", self._at.free.bpf_program__attach_cgroup(program, cgroup))
        self._end.callback(self._at.free.bpf_link__destroy, link)

    def map_fd(self, name: str) -> int:
        """The file descriptor of a loaded map."""
        return self._number(f"find {name}", self._at.free.bpf_map__fd(self._map(name)))

    def ring(self, name: str) -> "Ring":
        """A reader of a ring buffer."""
        ring = Ring(self._at, self.map_fd(name))
        self._end.callback(ring.close)
        return ring

    def put(self, map_fd: int, key: bytes, value: int) -> None:
        """Write a 32-bit value into a map. A full map is the kernel's business: nothing is raised."""
        self._at.free.bpf_map_update_elem(map_fd, key, byref(c_uint32(value)), 0)

    def take_out(self, map_fd: int, key: bytes) -> None:
        """Delete a key of a map, if it is there."""
        self._at.free.bpf_map_delete_elem(map_fd, key)

    def sum_over_cpus(self, map_fd: int) -> int:
        """The sum of a per-CPU array's first element, of 64 bits."""
        cpus = self._number("count CPUs", self._at.free.libbpf_num_possible_cpus())
        values = (c_uint64 * cpus)()
        self._number("read a counter", self._at.free.bpf_map_lookup_elem(map_fd, bytes(4), values))
        return sum(values)

    def _map(self, name: str) -> int:
        return self._pointer(f"find {name}", self._at.free.bpf_object__find_map_by_name(self._object, name.encode()))

    def _pointer(self, doing: str, result: int | None) -> int:
        if not result:
            raise self._failed(doing, ctypes.get_errno())
        return result

    def _number(self, doing: str, result: int) -> int:
        if result < 0:
            raise self._failed(doing, -result)
        return result

    def _failed(self, doing: str, errno: int) -> LibbpfError:
        return LibbpfError(f"could not {doing}: {os.strerror(errno)}{_reason(self._at.warnings)}")


class Ring:
    """The reading end of a BPF ring buffer; records are copied out as bytes."""

    def __init__(self, library: _Library, map_fd: int) -> None:
        self._at = library
        self._batch: list[bytes] = []
        self._most = 0
        self._sample = _Sample(self._receive)
        self._ring: int | None = library.free.ring_buffer__new(map_fd, self._sample, None, None)
        if not self._ring:
            raise LibbpfError(f"could not read the ring buffer: {os.strerror(ctypes.get_errno())}")
        self.fd: int = library.free.ring_buffer__epoll_fd(self._ring)
        """Readable (for epoll) when records arrive."""

    def read(self, most: int) -> list[bytes]:
        """What is in the ring now, at most so many records, oldest first."""
        self._batch, self._most = [], most
        if self._ring:
            self._at.held.ring_buffer__consume(self._ring)
        return self._batch

    def close(self) -> None:
        """Let the memory go."""
        if self._ring:
            self._at.free.ring_buffer__free(self._ring)
            self._ring = None

    def _receive(self, _: int, data: int, size: int) -> int:
        self._batch.append(ctypes.string_at(data, size))
        # A negative number ends the reading here; this record counts as read.
        return 0 if len(self._batch) < self._most else -1


def _reason(warnings: list[str]) -> str:
    """The last thing that was complained of, without what only repeats that it failed."""
    told = [line.removeprefix("libbpf: ").strip() for line in warnings]
    telling = [line for line in told if not line.startswith(_EMPTY)]
    best = (telling or told)[-1:]
    return f" ({best[0][:300]})" if best else ""
