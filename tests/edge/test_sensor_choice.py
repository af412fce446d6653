"""Which sensor is taken: the best that works, the next where it ends, and the reason in words."""

import threading

import pytest
from desks import SensorDesk

from tidewaiter.edge import audit_sensor, bpf_sensor, proc_sensor, sensor
from tidewaiter.edge.collector import Collector, Condition, Desk, Observation, State
from tidewaiter.edge.sensor import FirstThatWorks, Way, probes, sensors
from tidewaiter.event import Sight

ALL: tuple[Sight, ...] = ("execs", "connections", "names")


class Made:
    """A sensor that tells one condition, and then ends or stays."""

    name = "sensor"

    def __init__(self, state: State, sentence: str) -> None:
        self._told = Condition(self.name, state, sentence)

    def run(self, desk: Desk) -> None:
        """See `Collector`."""
        desk.tell(Condition(self.name, "starting", "begins"))
        desk.tell(self._told)
        if self._told.state == "ready":
            desk.lose("sensor", 3)
            desk.stopped.wait()


class Beside:
    """What sees connections."""

    name = "conntrack"
    made = 0

    def __init__(self) -> None:
        Beside.made += 1

    def run(self, desk: Desk) -> None:
        """See `Collector`."""
        desk.tell(Condition(self.name, "ready", "connections"))
        desk.stopped.wait()


def way(why: str | None, state: State = "ready", sentence: str = "", has_beside: bool = False) -> Way:
    """A way that cannot be gone, or leads to a sensor that tells this."""
    return Way(lambda: why, lambda: Made(state, sentence), Beside if has_beside else None)


def gone(*ways: Way) -> SensorDesk:
    """The desk after a run over these ways, stopped as soon as one works or all have failed."""
    desk = SensorDesk()
    thread = threading.Thread(target=FirstThatWorks(ways).run, args=(desk,))
    thread.start()
    desk.wait(lambda: (told := desk.state()) is not None and told.state in ("ready", "off"))
    desk.stopped.set()
    thread.join(30)
    assert not thread.is_alive()
    return desk


def test_the_first_way_is_gone_where_it_can_be() -> None:
    """What it says is passed on as it is, what it loses is counted."""
    desk = gone(way(None, sentence="by BPF"), way(None, sentence="never"))
    assert [told.sentence for told in desk.conditions] == ["begins", "by BPF"]
    assert desk.lost["sensor"] == 3


def test_why_the_better_ways_are_not_gone_is_said() -> None:
    """One that cannot be gone, one that fails when it is gone: its end is no end."""
    desk = gone(way("no libbpf."), way(None, "off", "it fell over"), way(None, sentence="by audit", has_beside=True))
    assert desk.state() == Condition("sensor", "ready", "by audit. Chosen because: no libbpf; it fell over")
    assert "off" not in {told.state for told in desk.conditions}


def test_where_no_way_leads_anywhere_all_reasons_are_said() -> None:
    """And that it is blind: also for connections, unless something beside sees them."""
    desk = gone(way("no libbpf."), way("not root"))
    assert desk.state() == Condition("sensor", "off", "processes are not seen: no libbpf; not root", ALL)
    desk = gone(way("no libbpf"), way(None, "off", "it fell over", has_beside=True), way("not root"))
    told = desk.state()
    assert told is not None
    assert told.blind == ("execs", "names")


def test_what_sees_connections_is_started_once() -> None:
    """Though two ways need it."""
    before = Beside.made
    desk = gone(way(None, "off", "it fell over", has_beside=True), way(None, sentence="by audit", has_beside=True))
    assert Beside.made == before + 1
    assert desk.state("conntrack") is not None


def test_a_sensor_that_ends_without_a_word_is_followed_by_the_next() -> None:
    """Whatever made it end."""
    desk = gone(way(None, "waiting", "silent"), way(None, sentence="by audit"))
    told = desk.state()
    assert told is not None
    assert told.sentence == "by audit. Chosen because: the sensor ended by itself"


def test_automatic_goes_from_bpf_to_process_events_to_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its own word."""
    monkeypatch.setattr(bpf_sensor, "probe", lambda: "no BTF")
    monkeypatch.setattr(proc_sensor, "probe", lambda: "no events")
    monkeypatch.setattr(audit_sensor, "probe", lambda: "no audit")
    said = {"auto": "no BTF; no events; no audit", "bpf": "no BTF", "proc": "no events", "audit": "no audit"}
    assert probes() == {name: why for name, why in said.items() if name != "auto"}
    wanted: sensor.Wanted
    for wanted in ("auto", "bpf", "proc", "audit"):
        desk = SensorDesk()
        (collector,) = sensors(wanted)
        assert collector.name == "sensor"
        collector.run(desk)
        assert [told.sentence for told in desk.conditions] == [f"processes are not seen: {said[wanted]}"]


def test_no_sensor_is_a_sensor_that_says_so() -> None:
    """It ends at once."""
    (collector,) = sensors("none")
    desk = SensorDesk()
    collector.run(desk)
    (told,) = desk.conditions
    assert (told.collector, told.state, told.blind) == ("sensor", "off", ALL)


def test_records_pass_through() -> None:
    """As they are."""

    class Telling(Made):
        def run(self, desk: Desk) -> None:
            desk.observe(
                Observation(
                    "sensor", "kernel", b'{"kind":"sensor_exec","time_ns":1,"sensor":"bpf","container":null,"pid":7}'
                )
            )
            super().run(desk)

    def telling() -> Collector:
        return Telling("ready", "by BPF")

    assert len(gone(Way(lambda: None, telling)).records) == 1
