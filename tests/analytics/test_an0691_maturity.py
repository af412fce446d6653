"""Holds what AN0691 makes of what a mature baseline has not seen: rules 3 and 7."""

import msgspec
import pytest
from an0691_baselines import LATERAL, MATURE, OUT, TOOL, USUALLY, YOUNG, beside, judged, verdict

from baselines import learned
from made_events import CORPORATE, connected, ran
from tidewaiter.policy_rules import Behaviours


def test_new_internal_destination_weighs_as_much_as_the_baseline_is_complete() -> None:
    """Suspicious beside a young baseline; beside a mature one an alert."""
    young = judged("new", *USUALLY, LATERAL, beside=YOUNG).only
    assert (young.verdict, young.severity) == ("suspicious", "low")
    assert [(b.reason, b.strength) for b in young.behaviours] == [("internal_egress", "weak")]
    mature = judged("new", *USUALLY, LATERAL, beside=MATURE).only
    assert (mature.verdict, mature.severity) == ("alert", "high")
    assert [(b.reason, b.strength) for b in mature.behaviours] == [("internal_egress", "strong")]
    assert "raised: 1 weak behaviour to strong: not expected by a mature baseline" in mature.reasons
    assert mature.baseline is not None
    assert mature.baseline.mature
    assert mature.baseline.completeness > 0.95


def test_new_program_is_judged_beside_a_mature_baseline_only() -> None:
    """Beside a young one nearly every program would be new."""
    assert verdict(judged("new", *USUALLY, TOOL, beside=YOUNG)) == "quiet"
    alert = judged("new", *USUALLY, TOOL, beside=MATURE).only
    assert [(b.reason, b.strength, b.what) for b in alert.behaviours] == [
        ("unseen_program", "strong", "/opt/tools/dump --all")
    ]


def test_baseline_that_saw_no_start_does_not_know_what_is_done_then() -> None:
    """A release migrates its database when it starts; what begins two minutes later is no part of that."""
    steady = beside(msgspec.structs.replace(learned("old", *USUALLY), starts=0))
    migrated = ran(9, "a", "/app/migrate", "--to", "7")
    assert verdict(judged("new", *USUALLY, migrated, beside=MATURE)) == "alert"
    assert verdict(judged("new", *USUALLY, migrated, beside=steady)) == "quiet"
    assert judged("new", *USUALLY, LATERAL, beside=steady).only.verdict == "suspicious"
    later = ran(122, "a", "/app/migrate", "--to", "7")
    alert = judged("new", *USUALLY, later, beside=steady).only
    assert [(b.what, b.reason, b.strength) for b in alert.behaviours] == [
        ("/app/migrate --to 7", "unseen_program", "strong")
    ]
    assert any(reason.endswith("mature, but no container start was observed") for reason in alert.reasons)
    assert judged("new", *USUALLY, OUT, beside=steady).only.verdict == "alert"


def test_after_the_window_a_weak_one_rises_only_where_that_is_unlikely() -> None:
    """Of a container that does much and runs for long, something that was never seen is to be expected."""
    late = ran(3 * 3600, "a", "/opt/tools/dump", "--all")
    few = judged("new", *USUALLY, late, beside=MATURE).only
    assert (few.verdict, few.behaviours[0].reason, few.behaviours[0].strength) == (
        "suspicious",
        "unseen_program",
        "strong",
    )
    assert verdict(judged("new", *USUALLY, ran(40 * 3600, "a", "/opt/tools/dump"), beside=MATURE)) == "quiet"
    rare = [ran(2, "a", f"/opt/rare/{'abcdefghij'[at]}x") for at in range(10)]
    old = learned("old", *USUALLY, *rare)
    once = {
        habit: msgspec.structs.replace(entry, units=1) for habit, entry in old.entries.items() if "rare" in habit.what
    }
    busy = beside(msgspec.structs.replace(old, entries=old.entries | once))
    assert judged("new", *USUALLY, ran(600, "a", "/opt/tools/dump"), beside=busy).only.verdict == "alert"
    assert verdict(judged("new", *USUALLY, late, beside=busy)) == "quiet"
    assert (
        judged("new", *USUALLY, connected(3 * 3600, "a", "198.51.100.77", 443), beside=busy).only.verdict
        == "suspicious"
    )


@pytest.mark.parametrize("row", ["internal_egress", "unseen_program"])
def test_policy_may_look_at_neither(row: str) -> None:
    """As with every row."""
    policy = msgspec.structs.replace(CORPORATE, behaviours=Behaviours(**{row: "none"}))  # type: ignore[arg-type]
    did = LATERAL if row == "internal_egress" else TOOL
    assert verdict(judged("new", *USUALLY, did, beside=MATURE, policy=policy)) == "quiet"
    assert verdict(judged("new", *USUALLY, did, beside=MATURE)) == "alert"
