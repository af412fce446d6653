"""What no layer of an image holds, and what one does: judged where facts about the image's layers were given."""

from collections.abc import Iterable
from itertools import permutations

import msgspec

from made_events import AN0691, Hunted, cid, created, described, digest, feed, finished, image_facts, ran, started
from tidewaiter.chain import Chain
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.image_contents import ImageContents
from tidewaiter.policy import DEFAULT_POLICY

EVIL = "evil.example/x:1"
BASE, TOP = digest("base layer"), digest("top layer")
CONTENTS = ImageContents(
    {"/usr/bin/dash": BASE, "/usr/bin/curl": TOP, "/app/serve": TOP},
    {"/bin": "usr/bin", "/usr/bin/sh": "dash"},
    ("/usr/bin/dash", "/usr/bin/curl"),
)
FACTS = image_facts(config_digest=digest("C"), contents=CONTENTS, proof="archive")
BEGUN = [created(0, "a", EVIL), described(None, "a", "C"), started(1, "a")]


def run(events: Iterable[Event], *facts: msgspec.Struct) -> Hunted:
    """Hunt with these facts given beforehand."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    for known in facts or (FACTS,):
        engine.learn_facts(known)  # type: ignore[arg-type]  # ImageFacts all
    feed(engine, events)
    return finished(engine)


def behaviours(hunt: Hunted) -> list[tuple[str, str, str | None]]:
    """(kind, strength, layer) of each."""
    return [(b.kind, b.strength, b.layer_diff_id) for alert in hunt.alerts for b in alert.behaviours]


def test_a_binary_that_no_layer_holds_is_drift() -> None:
    """Whatever it is called: nothing else about it is suspicious."""
    hunt = run([*BEGUN, ran(9, "a", "/srv/worker", exe="/srv/worker")])
    assert hunt.only.verdict == "alert"
    assert behaviours(hunt) == [("drift", "strong", None)]
    assert hunt.only.behaviours[0].reason == "written_binary"


def test_a_binary_that_a_layer_holds_is_named_with_it() -> None:
    """Through links, too: `/bin/sh` is the dash of the base layer."""
    hunt = run([*BEGUN, ran(8, "a", "sh", "-c", "x", exe="/bin/sh"), ran(9, "a", "curl", "x")])
    assert behaviours(hunt) == [("exec", "strong", BASE), ("exec", "strong", TOP)]


def test_what_is_held_and_not_suspicious_is_nothing() -> None:
    """The image's own program, what names an open file, a bare name, and what a runtime brings along."""
    quiet = ["/app/serve", "/app/../app/./serve", "/proc/self/fd/6", "serve", "/sbin/docker-init"]
    assert run([*BEGUN, *(ran(9 + at, "a", path, exe=path) for at, path in enumerate(quiet))]).alerts == []


def test_the_alert_says_what_the_image_held() -> None:
    """As evidence that stands in no record of telemetry."""
    (held,) = [e for e in run([*BEGUN, ran(9, "a", "curl", "x")]).only.evidence if e.stage == "image"]
    assert (held.source, held.time) == ("image_facts", None)
    assert held.summary == "its layers hold /usr/bin/dash, /usr/bin/curl"
    bare = image_facts(config_digest=digest("C"), contents=ImageContents({}), proof="archive")
    (held,) = [e for e in run([*BEGUN, ran(9, "a", "curl", "x")], bare).only.evidence if e.stage == "image"]
    assert held.summary == "its layers hold no shell, package manager or download tool"


def test_facts_about_another_image_say_nothing() -> None:
    """A container whose image is not known, or is another, is judged as if there were no facts."""
    stranger = ran(9, "a", "/srv/worker", exe="/srv/worker")
    assert run([created(0, "a", EVIL), started(1, "a"), stranger]).alerts == []
    assert run([created(0, "a", EVIL), described(None, "a", "D"), started(1, "a"), stranger]).alerts == []


def test_order_of_arrival_leaves_no_trace() -> None:
    """Whether the content is known before the binary runs or after it."""
    events = [*BEGUN, ran(9, "a", "/srv/worker", exe="/srv/worker"), ran(12, "a", "/srv/worker", exe="/srv/worker")]
    seen = {
        msgspec.json.encode([*hunt.alerts, hunt.summary]) for order in permutations(events) for hunt in [run(order)]
    }
    assert len(seen) == 1


def test_strangers_are_bounded() -> None:
    """The first run of each file stays, of the earliest files."""
    busy = [ran(9 + at / 10, "a", f"/srv/{at % 100}", exe=f"/srv/{at % 100}") for at in range(300)]
    engine = Engine(DEFAULT_POLICY, AN0691)
    engine.learn_facts(FACTS)
    feed(engine, [*BEGUN, *reversed(busy)])
    chain: Chain = engine.directory.find_prefix("default", cid("a")[:12])[0]
    assert [action.exe for action in chain.strangers] == [f"/srv/{at}" for at in range(32)]
    assert len(finished(engine).only.behaviours) == 32


def test_strangers_are_in_a_snapshot() -> None:
    """A restart forgets none."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    engine.learn_facts(FACTS)
    feed(engine, [*BEGUN, ran(9, "a", "/srv/worker", exe="/srv/worker")])
    moved = Engine(DEFAULT_POLICY, AN0691, state=Engine.restore(engine.snapshot()))
    assert finished(moved).alerts == finished(engine).alerts != []


def test_facts_that_come_later_count_for_what_runs_later() -> None:
    """What was remembered of a path is forgotten when another image becomes known."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    engine.learn_facts(
        image_facts(config_digest=digest("D"), contents=ImageContents({"/srv/worker": TOP}), proof="archive")
    )
    feed(engine, [*BEGUN, ran(9, "a", "/srv/worker", exe="/srv/worker")])
    engine.learn_facts(FACTS)
    feed(engine, [ran(12, "a", "/srv/worker", exe="/srv/worker")])
    assert behaviours(finished(engine)) == [("drift", "strong", None)]
