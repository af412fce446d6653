"""Which habits become wider ones, and which never do."""

import pytest

from tidewaiter.baseline import Entry, Profile, Profiles, find, merge
from tidewaiter.habit import Habit
from tidewaiter.widening import REST, kept_addresses, widened, wider
from tidewaiter.workload import WorkloadKey

KEY = WorkloadKey("c", "ns", "Deployment", "web", "app")


def execs(program: str, count: int) -> list[Habit]:
    """A program with so many shapes of arguments."""
    return [Habit("exec", f"{program} {number:04}") for number in range(count)]


def flows(*whats: str) -> list[Habit]:
    """Destinations."""
    return [Habit("egress", what) for what in whats]


def profile(*habits: Habit, content: str = "sha256:1", state: str = "trusted", last_hour: int = 1) -> Profile:
    """A profile of one workload."""
    entries = {habit: Entry(state, 1, 1, 1) for habit in habits}  # type: ignore[arg-type]  # one of the literals
    return Profile(KEY, content, units=1, first_hour=1, last_hour=last_hour, entries=entries)


def test_arguments_of_a_program_become_any_where_they_are_too_many() -> None:
    """33 shapes, not 32."""
    assert widened(execs("/usr/bin/git", 32)) == {}
    assert set(widened(execs("/usr/bin/git", 33)).values()) == {Habit("exec", "/usr/bin/git <any>")}


@pytest.mark.parametrize("program", ["/bin/sh", "/usr/bin/python3.11", "/usr/bin/nc.openbsd", "/bin/busybox sh"])
def test_suspicious_program_is_never_expected_with_any_arguments(program: str) -> None:
    """Its arguments tell everything: they are kept, and the last of very many are given up."""
    assert widened(execs(program, 256)) == {}
    found = widened(execs(program, 300))
    assert set(found.values()) == {Habit("exec", f"{program} {REST}")}
    assert sorted(found) == execs(program, 300)[256:]


def test_addresses_become_a_network_at_their_port() -> None:
    """Internal ones a wider network, where there are many of those."""
    near = flows(*(f"203.0.113.{host}:443/tcp" for host in range(9)))
    assert set(widened(near).values()) == {Habit("egress", "203.0.113.0/24:443/tcp")}
    assert widened(near[:8]) == {}
    assert widened([*near[:8], *flows("203.0.113.99:80/tcp")]) == {}
    inside = flows(*(f"10.1.{net}.7:443/tcp" for net in range(9)))
    assert set(widened(inside).values()) == {Habit("egress", "10.1.0.0/16:443/tcp")}
    assert widened(flows(*(f"203.0.{net}.7:443/tcp" for net in range(9)))) == {}
    six = flows(*(f"[2001:db8::{host:x}]:443/tcp" for host in range(1, 10)))
    assert set(widened(six).values()) == {Habit("egress", "[2001:db8::/64]:443/tcp")}


def test_names_and_what_has_no_port_stay_as_they_are() -> None:
    """However many they are."""
    assert widened(flows(*(f"h{number}.example:443/tcp" for number in range(500)))) == {}
    assert widened(flows(*(f"10.0.0.{number}/icmp" for number in range(50)))) == {}


def test_programs_without_number_are_cut() -> None:
    """The first in order stay."""
    habits = [Habit("exec", f"/srv/{number:05}") for number in range(1030)]
    found = widened(habits)
    assert sorted(found) == habits[1024:]
    assert set(found.values()) == {Habit("exec", REST)}


def test_what_was_widened_is_found_and_what_was_given_up_is_not() -> None:
    """`find` asks for the habit itself first."""
    merged = merge([profile(*execs("/usr/bin/git", 40), *execs("/bin/sh", 300))])
    assert find(merged, Habit("exec", "/usr/bin/git anything")) is not None
    assert find(merged, Habit("exec", "/usr/bin/gitk")) is None
    assert find(merged, Habit("exec", "/bin/sh 0001")) is not None
    assert find(merged, Habit("exec", "/bin/sh 0299")) is None
    assert wider(Habit("egress", "10.1.2.3:443/tcp")) == flows("10.1.2.0/24:443/tcp", "10.1.0.0/16:443/tcp")


def test_profiles_of_another_content_are_not_merged() -> None:
    """Nor none at all."""
    with pytest.raises(ValueError, match="one key and content"):
        merge([profile(), profile(content="sha256:2")])
    with pytest.raises(ValueError, match="one key and content"):
        merge([])


def test_baseline_in_memory_answers_by_workload_content_and_namespace() -> None:
    """What is not expected is usual nowhere."""
    first = profile(*execs("/app/run", 1), last_hour=5)
    second = profile(*execs("/app/other", 1), content="sha256:2", state="unapproved", last_hour=3)
    known = Profiles([first, second])
    assert known.clusters == {"c"}
    assert [one.content for one in known.of_workload(KEY)] == ["sha256:2", "sha256:1"]
    assert [one.key for one in known.of_content("sha256:2")] == [KEY]
    assert known.is_usual_in("c", "ns", execs("/app/run", 1)[0])
    assert not known.is_usual_in("c", "ns", execs("/app/other", 1)[0])
    assert not known.is_usual_in("c", "elsewhere", execs("/app/run", 1)[0])
    assert known.of_workload(KEY) == known.of_workload(KEY)


def of_state(profile: Profile) -> dict[str, str]:
    """What is kept, and why."""
    return {habit.what: entry.state for habit, entry in profile.entries.items()}


def test_who_approved_addresses_approved_no_network() -> None:
    """A ninth that alerted later does not make them one, and none of its neighbours is expected."""
    eight = flows(*(f"203.0.113.{host}:443/tcp" for host in range(1, 9)))
    attack = flows("203.0.113.66:443/tcp")
    merged = merge([profile(*eight, state="approved"), profile(*attack, state="alerted")])
    assert of_state(merged) == {habit.what: "approved" for habit in eight} | {"203.0.113.0/24:443/tcp": "alerted"}
    assert merged.entries[Habit("egress", "203.0.113.0/24:443/tcp")].units == 9
    for host, state in ((3, "approved"), (66, "alerted"), (77, "alerted")):
        entry = find(merged, Habit("egress", f"203.0.113.{host}:443/tcp"))
        assert entry is not None
        assert entry.state == state
    shapes = [profile(*execs("/usr/bin/git", 32), state="approved"), profile(Habit("exec", "/usr/bin/git evil"))]
    assert of_state(merge(shapes))["/usr/bin/git <any>"] == "alerted"


def test_approved_network_stays_one() -> None:
    """Somebody approved it by that name: all that is in it is."""
    net = flows("203.0.113.0/24:443/tcp")
    attack = flows("203.0.113.66:443/tcp")
    merged = merge([profile(*net, state="approved"), profile(*attack, state="alerted")])
    assert of_state(merged) == {"203.0.113.0/24:443/tcp": "approved"}


def test_many_addresses_of_a_name_are_a_network() -> None:
    """A content network has another address every time; what is kept is bounded, networks and all."""
    eight = [f"198.51.100.{host}" for host in range(8)]
    assert kept_addresses(eight) == tuple(sorted(eight))
    assert kept_addresses([*eight, "198.51.100.99", "2001:db8::1"]) == ("198.51.100.0/24", "2001:db8::1")
    assert kept_addresses(["198.51.100.0/24", "198.51.100.7"]) == ("198.51.100.0/24",)
    assert kept_addresses([f"2001:db8:0:7::{host:x}" for host in range(1, 10)]) == ("2001:db8:0:7::/64",)
    assert len(kept_addresses([f"203.0.{net}.{host}" for net in range(20) for host in range(8)])) == 64
    assert kept_addresses(["no address", "198.51.100.1"]) == ("198.51.100.1", "no address")
