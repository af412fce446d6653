"""Draws what one workload is in the habit of: programs, destinations, and how often it does each.

A habit's arguments vary where real ones do (`%d`: ids, slots, dates); what it runs and whom it asks does not. Beside a
dozen everyday habits each workload has rare ones, the k-th of which is done about 1/k as often as the first (Zipf), so
that no length of learning has seen them all.
"""

import random
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import msgspec

from bench.programs import Program

T = TypeVar("T")

VERBS = ("sync", "prune", "warm", "rotate", "check", "export", "import", "compact", "verify", "replay", "merge", "mail")
NOUNS = (
    "carts", "quotes", "indexes", "feeds", "tokens", "sessions", "prices", "stock", "orders", "reports", "labels",
    "ledgers", "invoices", "routes", "events", "images", "queues", "leases", "drafts", "refunds", "coupons", "tickets",
)  # fmt: skip
_APIS = ("payments", "rates", "mail", "sms", "maps", "geoip", "licence", "tax", "search", "push", "fraud", "address")
_SHELLS = (
    *("date +%%s > /run/{noun}.alive && test -s /run/{noun}.alive",) * 3,
    *("find /var/cache/{noun} -mmin +60 -print0 | xargs -0 rm -f",) * 3,
    *("test -d /var/spool/{noun} && kill -0 %d",) * 3,
    "gzip -9 /var/log/{noun}/%d.log",
)
"""Most scripts are always the same text, some are given a number, few hold one within a name."""


class Place(msgspec.Struct, frozen=True):
    """Somewhere to connect to."""

    kind: str
    """`service` (another workload's pods), `database` (a fixed address inside), `api`, `cdn` (both outside)."""
    port: int
    name: str = ""
    """Of what is outside: its DNS name."""
    addresses: tuple[str, ...] = ()
    target: int = 0
    """Of a service: the number of the workload."""


Act = Program | Place


class Habits(msgspec.Struct, frozen=True, eq=False):
    """What a workload does on one content."""

    first: Program
    startup: tuple[Program, ...]
    """Run by each container within its first minute."""
    acts: tuple[Act, ...]
    weights: tuple[float, ...]
    cumulative: tuple[float, ...]
    nightly: tuple[tuple[int, int | None, Act], ...] = ()
    """(hour of the day, day of the week or None for all, what): done once, in one of the containers."""

    def draw(self, rng: random.Random) -> Act:
        """One act, by weight."""
        return rng.choices(self.acts, cum_weights=self.cumulative)[0]

    def with_act(self, act: Act, weight: float) -> "Habits":
        """The same and one more; `weight` as a share of all."""
        return habits(
            self.first, self.startup, (*self.acts, act), (*self.weights, weight * sum(self.weights)), self.nightly
        )


def habits(
    first: Program,
    startup: tuple[Program, ...],
    acts: tuple[Act, ...],
    weights: tuple[float, ...],
    nightly: tuple[tuple[int, int | None, Act], ...] = (),
) -> Habits:
    """Habits, with their weights added up."""
    return Habits(first, startup, acts, weights, tuple(accumulate(weights)), nightly)


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """One of them."""
    return items[int(rng.random() * len(items))]


def program(rng: random.Random, folder: str = "/usr/local/bin") -> Program:
    """A tool of the company's own, with an argument that differs every time."""
    verb, noun = pick(rng, VERBS), pick(rng, NOUNS)
    form = int(rng.random() * 4)
    arguments = (
        ("--batch", "%d"), ("run", "--id", "%d", "--quiet"), (f"--queue={noun}", "--slot", "%d"),
        (f"/srv/{noun}/%d.json",),
    )[form]  # fmt: skip
    return Program(f"{folder}/{verb}-{noun}", arguments, "/srv", 1000 + int(rng.random() * 900))


def shell(rng: random.Random) -> Program:
    """A line for the shell, as cron-like jobs have."""
    path = "/bin/sh" if rng.random() < 0.6 else "/bin/bash"
    return Program(path, ("-c", pick(rng, _SHELLS).format(noun=pick(rng, NOUNS))))


def _interpreted(rng: random.Random) -> Program:
    verb, noun = pick(rng, VERBS), pick(rng, NOUNS)
    return Program("/usr/local/bin/python3.11", (f"/app/jobs/{verb}_{noun}.py", "--since", "%d"), "/app", 1001)


def api(rng: random.Random) -> Place:
    """A company outside, by its name: one to four addresses."""
    name = f"{pick(rng, _APIS)}.{pick(rng, NOUNS)}.example"
    base = int(rng.random() * 60)
    count = 1 + int(rng.random() * 4)
    return Place("api", 443, name, tuple(f"203.0.113.{base * 4 + number}" for number in range(count)))


def _cdn(rng: random.Random) -> Place:
    """A content network: one name, 128 addresses in a range of its own, another each time."""
    block = int(rng.random() * 500)
    name = f"cdn{block}.static.example"
    third, half = block // 2 % 250, 128 * (block % 2)
    return Place("cdn", 443, name, tuple(f"198.{18 + block % 2}.{third}.{half + number}" for number in range(128)))


def _database(rng: random.Random) -> Place:
    number = int(rng.random() * 40)
    port = (5432, 3306, 6379, 9092)[number % 4]
    return Place("database", port, addresses=(f"10.200.{number}.10",))


def inside(rng: random.Random, services: tuple[int, ...]) -> Place:
    """A destination inside: another workload, or a database."""
    if services and rng.random() < 0.7:
        target = pick(rng, services)
        return Place("service", (8080, 9090, 8443)[target % 3], target=target)
    return _database(rng)


def _first(rng: random.Random, name: str, kind: str) -> Program:
    if kind == "script":
        return Program("/bin/sh", ("/docker-entrypoint.sh", name), "/")
    if kind == "python":
        return Program("/usr/local/bin/python3.11", ("-m", "gunicorn", "-b", "0.0.0.0:8000", "app.wsgi"), "/app", 1001)
    if kind == "jvm":
        return Program("/opt/java/bin/java", ("-Xmx1g", "-jar", "/app/app.jar", "--profiles=prod"), "/app", 1000)
    return Program(f"/usr/local/bin/{name}", ("--listen", f":{8000 + int(rng.random() * 999)}"), "/srv", 10001)


def make_habits(rng: random.Random, name: str, services: tuple[int, ...], *, is_public: bool) -> Habits:
    """The habits of a workload on its first content.

    `is_public`: a public image as they are, whose start scripts use the shell, and which now and then asks its makers
    for news; the company's own use the shell in one of three, and go outside in one of four.
    """
    first = _first(rng, name, "script" if is_public else pick(rng, ("own", "python", "jvm", "own")))
    worker = Program(first.binary, ("worker", "--queue", pick(rng, NOUNS), "--slot", "%d"), first.cwd, first.uid)
    probe = Program("/usr/bin/curl", ("-fsS", "--max-time", "2", "http://127.0.0.1:8080/healthz?probe=%d"))
    check = Program(f"/usr/local/bin/{name}-health", ("--timeout", "%d"), "/", first.uid)
    common: list[tuple[Act, float]] = [(check if rng.random() < 0.7 else probe, 25), (program(rng), 12)]
    if not is_public:
        common.append((worker, 15))
    common += [(program(rng), 2 + 6 * rng.random()) for _ in range(int(rng.random() * 4))]
    common += [(inside(rng, services), 6 + 9 * rng.random()) for _ in range(1 + int(rng.random() * 4))]
    has_shell = is_public or rng.random() < 0.33
    if has_shell:
        common.append((shell(rng), 4))
    if rng.random() < 0.25:
        common.append((api(rng), 5))
    if rng.random() < 0.06:
        common.append((_cdn(rng), 4))
    rare_count = int(3 + 40 * rng.random() ** 2)
    rare_share = (0.005 + 0.05 * rng.random()) * sum(weight for _, weight in common)
    scale = rare_share / sum(1 / rank for rank in range(1, rare_count + 1))
    rare: list[tuple[Act, float]] = []
    for rank in range(1, rare_count + 1):
        kind = rng.random()
        act: Act
        if kind < 0.3:
            act = inside(rng, services)
        elif kind < 0.34 and (is_public or rng.random() < 0.3):
            act = api(rng)
        elif kind < 0.5 and has_shell:
            act = shell(rng)
        else:
            act = program(rng) if rng.random() < 0.7 else _interpreted(rng)
        rare.append((act, scale / rank))
    startup: tuple[Program, ...] = (Program(f"/usr/local/bin/{name}-migrate", ("--to", "%d"), "/srv", first.uid),)
    if is_public:
        lines = ("test -w /data && chown -R app /data", "envsubst < /etc/app.tmpl > /etc/app.conf")
        startup = tuple(Program("/bin/sh", ("-c", line)) for line in lines[: 1 + int(rng.random() * 2)])
    nightly: list[tuple[int, int | None, Act]] = []
    if rng.random() < 0.3:
        nightly.append((1 + int(rng.random() * 4), None, program(rng)))
    if rng.random() < 0.15:
        nightly.append((3, int(rng.random() * 7), shell(rng) if has_shell else program(rng)))
    chosen = (*common, *rare)
    return habits(
        first, startup, tuple(act for act, _ in chosen), tuple(weight for _, weight in chosen), tuple(nightly)
    )
