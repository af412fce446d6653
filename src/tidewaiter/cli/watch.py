"""Turns `tidewaiter watch` into alerts as they arise: what is live on this host in, the few chains that matter out."""

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event as Signal
from threading import Timer
from typing import TYPE_CHECKING

import click
import msgspec

from tidewaiter.alert import ContainerShown, Output
from tidewaiter.analytics import analytics
from tidewaiter.baseline import Baseline
from tidewaiter.cli._faults import UsageFault, open_policy
from tidewaiter.cli._given import (
    baseline_option,
    check_source,
    given_indicators,
    indicators_option,
    learn_facts,
    open_given,
    silent_sources,
    stranger_to,
)
from tidewaiter.cli._times import duration_ns
from tidewaiter.cli._watch_collectors import NONE, open_collectors
from tidewaiter.cli._watch_lines import Lines
from tidewaiter.cli._watch_view import Screen, is_possible
from tidewaiter.edge.attack_names import named
from tidewaiter.edge.delivery import DestinationError
from tidewaiter.edge.recording import Recording
from tidewaiter.edge.resume import Resumed, resume
from tidewaiter.edge.sensor import Wanted
from tidewaiter.edge.state import StateError, StateFolder, default_state
from tidewaiter.edge.watch import View, Watch
from tidewaiter.engine import Engine
from tidewaiter.indicators import Indicators
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.policy_yaml import printable
from tidewaiter.snapshot import State

if TYPE_CHECKING:
    from tidewaiter.edge.send import Senders

EXIT_ALERT = 1
EXIT_INCOMPLETE = 3
END_S = 10.0
"""How long the end may take."""
_SENDERS_S, _RESERVE_S = 4.0, 0.5
_NS = 1_000_000_000
_SWITCH_S = 0.001
"""How long a thread may keep the interpreter: an alert should not wait for a collector that is busy."""


@click.command()
@click.option("--policy", "policy_path", metavar="FILE", help="Trust policy; without one every registry is untrusted.")
@baseline_option
@indicators_option
@click.option(
    "--facts", "facts_paths", multiple=True, metavar="FILE", help="Image facts, or an image (archive, layout) to prove."
)
@click.option("--cluster", default="default", show_default=True, help="Cluster that this host belongs to.")
@click.option("--node", help="Name of this host.  [default: the host's own]")
@click.option("--docker", metavar="SOCKET", help="Docker's socket, or none.  [default: $DOCKER_HOST, the usual place]")
@click.option(
    "--containerd", metavar="ADDRESS", help="containerd's, or none.  [default: $CONTAINERD_ADDRESS, the usual place]"
)
@click.option("--podman", metavar="SOCKET", help="Podman's, or none.  [default: $CONTAINER_HOST, the usual place]")
@click.option(
    "--sensor",
    type=click.Choice(["auto", "bpf", "proc", "audit", "none"]),
    default="auto",
    show_default=True,
    help="What tells of processes and connections.",
)
@click.option(
    "--record", metavar="FILE", help="Append all that is seen, secrets masked; `hunt FILE` gives the same verdicts."
)
@click.option("--send", "destinations", multiple=True, metavar="[FORMAT=]DEST", help="Also send alerts there.")
@click.option(
    "--state",
    metavar="DIR",
    help="What is to be known after a restart.  [default: $XDG_STATE_HOME/tidewaiter, ~/.local/state/tidewaiter]",
)
@click.option("--no-state", is_flag=True, help="Forget everything at the end.")
@click.option(
    "--require", "required", multiple=True, metavar="SOURCE", help="Exit status 3 if this source has no record."
)
@click.option("--lateness", callback=duration_ns, metavar="TIME", help="How late records may come.  [default: 60s]")
@click.option("--for", "for_ns", callback=duration_ns, metavar="TIME", help="Stop after so long.")
@click.option(
    "--containers", is_flag=True, help="At the end list every container with its image and verdict, alert or not."
)
@click.option("--keep-arguments", is_flag=True, help="Do not mask secrets in command lines, nor in recordings.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "jsonl", "ocsf", "syslog"]),
    default="text",
    show_default=True,
    help="Form of the output.",
)
def watch(
    policy_path: str | None,
    baseline_path: str | None,
    indicators_path: str | None,
    facts_paths: tuple[str, ...],
    cluster: str,
    node: str | None,
    docker: str | None,
    containerd: str | None,
    podman: str | None,
    sensor: Wanted,
    record: str | None,
    destinations: tuple[str, ...],
    state: str | None,
    no_state: bool,
    required: tuple[str, ...],
    lateness: int | None,
    for_ns: int | None,
    containers: bool,
    keep_arguments: bool,
    form: str,
) -> None:
    """Find untrusted images that misbehave on this host, live.

    Watches Docker, containerd and Podman, and processes and connections through the kernel. Alerts come at once and
    are revised as more is seen; a line on stderr with the word ready says that everything is attached. What is known
    outlives a restart.

    \b
    Examples:
      sudo tidewaiter watch --policy policy.yaml
      sudo tidewaiter watch --format jsonl --record seen.jsonl --send https://siem.example/hook

    Ends with SIGINT or SIGTERM, within 10 s: a final record for each alert, then the summary. Exit status: 0 nothing
    found, 1 at least one alert, 2 usage or configuration, 3 telemetry incomplete.
    """
    if state is not None and no_state:
        raise UsageFault("--state and --no-state: only one of them can be meant")
    for name in required:
        check_source(name)
    policy = open_policy(policy_path) if policy_path is not None else DEFAULT_POLICY
    if lateness is not None:
        policy = msgspec.structs.replace(policy, lateness_ns=lateness)
    name = node or socket.gethostname() or "local"
    screen = Screen(name) if form == "text" and is_possible() else None
    view: View = screen or Lines(form)
    with ExitStack() as stack:
        stack.callback(view.close)
        folder = None if no_state else _open_state(Path(state) if state is not None else default_state(), stack)
        recording = _open_recording(record, stack) if record is not None else None
        senders = _open_senders(destinations, view.say)
        if policy_path is None:
            view.say("no policy given: every registry counts as untrusted. --policy FILE names those you trust")
        baseline = open_given(baseline_path) if baseline_path is not None else None
        if baseline is not None and (stranger := stranger_to(baseline, [cluster])) is not None:
            view.say(stranger)
        indicators = given_indicators(indicators_path)
        resumed = _resume(folder, recording, _engine_of(policy, baseline, indicators, facts_paths, keep_arguments))
        collectors = open_collectors(docker, containerd, podman, sensor, resumed.left_ns)
        if screen is not None:
            screen.look_at(resumed.engine)

        shown: list[ContainerShown] = []

        def deliver(output: Output) -> None:
            if isinstance(output, ContainerShown):
                # They are told after the alerts.
                shown.append(output)
                return
            view.output(output)
            if senders is not None:
                senders.send(output)

        run = Watch(
            resumed,
            collectors,
            cluster=cluster,
            node=name,
            out=deliver,
            view=view,
            recording=recording,
            state=folder,
            keep_arguments=keep_arguments,
        )
        with _ending(run, for_ns, screen.restore if screen is not None else lambda: None) as ended:
            run.run(containers=containers)
            with suppress(BrokenPipeError):
                for container in shown:
                    view.output(container)
            incomplete = [*silent_sources(resumed.engine, required), *_unseen(run, sensor)]
            summary = run.summary(not incomplete)
            with suppress(BrokenPipeError):
                deliver(summary)
            for sentence in incomplete:
                view.say(f"incomplete: {sentence}")
            if senders is not None:
                senders.close(max(0.0, min(_SENDERS_S, ended() + END_S - _RESERVE_S - time.monotonic())))
                for sentence in senders.problems():
                    view.say(sentence)
            for sentence in baseline.problems if baseline is not None else ():
                view.say(sentence)
            if recording is not None and recording.lost:
                view.say(f"{recording.name}: {recording.lost} records could not be written")
    sys.exit(EXIT_ALERT if summary.alerts else EXIT_INCOMPLETE if not summary.complete else 0)


def _open_state(path: Path, stack: ExitStack) -> StateFolder:
    try:
        folder = StateFolder(path)
    except StateError as error:
        raise UsageFault(str(error)) from error
    stack.callback(folder.close)
    return folder


def _open_recording(path: str, stack: ExitStack) -> Recording:
    try:
        recording = Recording(path)
    except BlockingIOError as error:
        raise UsageFault(f"{printable(path)}: another tidewaiter watch records into it") from error
    except OSError as error:
        raise UsageFault(f"{printable(path)}: cannot be recorded into: {error.strerror or error}") from error
    stack.callback(recording.close)
    return recording


def _open_senders(destinations: Sequence[str], say: Callable[[str], None]) -> "Senders | None":
    if not destinations:
        return None
    # Imported here: an HTTP client takes time and memory, and few send anything.
    from tidewaiter.edge.send import open_senders

    try:
        return open_senders(destinations, say)
    except DestinationError as error:
        raise UsageFault(str(error)) from error


def _engine_of(
    policy: TrustPolicy,
    baseline: Baseline | None,
    indicators: Indicators | None,
    facts_paths: Sequence[str],
    keep_arguments: bool,
) -> Callable[[State | None], Engine]:
    analytic = named(analytics()["AN0691"], lambda sentence: click.echo(sentence, err=True))

    def engine_of(state: State | None) -> Engine:
        engine = Engine(
            policy,
            analytic,
            baseline=baseline,
            indicators=indicators,
            state=state,
            keep_arguments=keep_arguments,
            live=True,
        )
        learn_facts(engine, facts_paths)
        return engine

    return engine_of


def _resume(
    folder: StateFolder | None, recording: Recording | None, engine_of: Callable[[State | None], Engine]
) -> Resumed:
    return Resumed(engine_of(None), [], {}) if folder is None else resume(folder, engine_of, recording)


@contextmanager
def _ending(run: Watch, for_ns: int | None, restore: Callable[[], None]) -> Iterator[Callable[[], float]]:
    """What ends the run: signals, and a time. Gives the moment, by the monotonic clock, at which it was to end.

    `restore` gives the terminal back where the end comes in haste.
    """
    ended_s: list[float] = []
    is_over = Signal()

    def end(number: int, frame: object) -> None:
        if ended_s:
            # Asked a second time: what was fed and delivered is in the journal.
            restore()
            os._exit(128 + number)
        stop()

    def stop() -> None:
        ended_s.append(time.monotonic())
        after(END_S - _RESERVE_S, leave)
        run.stop()

    def leave() -> None:
        # Whoever does not read our output, or a disk that hangs, may not keep us.
        if not is_over.is_set():
            restore()
            os._exit(EXIT_INCOMPLETE)

    def after(seconds: float, does: Callable[[], None]) -> None:
        timer = Timer(seconds, does)
        timer.daemon = True
        timer.start()
        timers.append(timer)

    timers: list[Timer] = []
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    if for_ns is not None:
        after(for_ns / _NS, stop)
    # What was known before stays; looking through it for garbage again and again would hold alerts up.
    gc.freeze()
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield lambda: ended_s[0] if ended_s else time.monotonic()
    finally:
        is_over.set()
        for timer in timers:
            timer.cancel()
        sys.setswitchinterval(interval_s)
        gc.unfreeze()
        for number, handler in before.items():
            signal.signal(number, handler)


def _unseen(run: Watch, sensor: str) -> list[str]:
    """A sentence for each collector that does not see what it was to see, and for each source that lost records."""
    lost = [
        f"{condition.collector}: {condition.sentence}"
        for condition in run.conditions.values()
        if condition.state in ("waiting", "off")
        and condition.blind
        and not (condition.collector == "sensor" and sensor == NONE)
    ]
    if not run.has_seen and not lost:
        lost = ["nothing could be collected"]
    dropped = run.engine.ledger.dropped
    return [*lost, *(f"{source}: {count:,} records were lost" for source, count in sorted(dropped.items()))]
