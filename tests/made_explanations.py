"""Makes explanations for the tests of what people read of them: a rich one, and one whose every text is hostile."""

from collections.abc import Iterable

import msgspec
from sample_alerts import CONFIG, at, behaviour, hostile_alert, kubernetes_alert
from sample_incidents import pods_incident

from tidewaiter.alert import Alert, ContainerShown, ImageIdentity, Incident, Output, TrustShown, stable_id
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.review.explanation import Explanation, explained
from tidewaiter.review.neighbours import Neighbours, Told

HOSTILE = (
    "<script>alert(1)</script>\"><img src=x onerror=alert(2)>' onload='alert(3) javascript:alert(4) \x1b[31m "
    "\u202egpj.exe \x00 {{7*7}} {% raw %} </style></title></svg><a href=http://evil.example/>&lt;"
)
"""What an attacker would put into a command line, a name or a reference."""
TRIAGE = ("Read who created the container, and from where; ask them.",)


def rich_alert() -> Alert:
    """A pod's alert, one of an incident, with much behaviour before, in and after the window."""
    incident = pods_incident()
    ran = [behaviour(2 + number / 3, f"/usr/bin/python3 -c {number}") for number in range(12)]
    reached = [
        behaviour(30 + number * 90, f"203.0.113.{number}:443", "egress", "external_egress", name="pool.example.com")
        for number in range(12)
    ]
    alert = kubernetes_alert()
    return msgspec.structs.replace(
        alert,
        id=incident.members[0].alert,
        incident=incident.id,
        behaviours=(*alert.behaviours, *ran, *reached),
        missing=("pull: none seen on this node before the container was created", "egress: not watched: it fell over"),
    )


def containers() -> list[ContainerShown]:
    """Others of the same content, of the same workload, and one that has nothing to do with it."""
    alert = rich_alert()

    def shown(number: int, verdict: str, *reasons: str, image: ImageIdentity = alert.image) -> ContainerShown:
        return ContainerShown(
            cluster=alert.cluster,
            node=f"n{number}",
            container_id=stable_id(str(number)) * 2,
            container_name="exporter",
            namespace="monitoring",
            pod=f"node-exporter-{number}",
            workload=alert.workload if number < 4 else None,
            image=image,
            digest_consistency="proven",
            trust=alert.trust if image is alert.image else TrustShown("trusted", "ours", ("corp.example/exporter",)),
            started=at(-number),
            verdict=verdict,
            reasons=reasons,
        )

    other = ImageIdentity(reference="corp.example/exporter:1", config_digest="sha256:" + "77" * 32)
    return [
        shown(1, "quiet", "trust: untrusted by rule squatters", "no behaviour of interest was seen"),
        shown(2, "silenced", "trust: untrusted by rule squatters", "silenced by scope ci"),
        shown(3, "quiet", "trust: trusted by rule ours", image=other),
        shown(4, "quiet", "trust: trusted by rule ours", image=other),
    ]


def hostile() -> list[Output]:
    """An alert, its incident and a silent container, all of hostile text."""
    bad = HOSTILE
    image = ImageIdentity(reference=bad, index_digest=bad, manifest_digest=bad, config_digest=CONFIG, chain_id=bad)
    alert = hostile_alert()
    alert = msgspec.structs.replace(
        alert,
        **dict.fromkeys(("title", "cluster", "node", "container_id", "container_name", "namespace", "pod"), bad),
        image=image,
        trust=TrustShown("untrusted", bad, (bad, bad)),
        behaviours=tuple(
            msgspec.structs.replace(shown, what=bad, name=bad, protocol=bad, reason=bad) for shown in alert.behaviours
        ),
        evidence=tuple(
            msgspec.structs.replace(one, stage=bad, source=bad, record=bad, summary=bad) for one in alert.evidence
        ),
        reasons=(bad, f"suspicious_binary: {bad}"),
        missing=(bad, f"pull: {bad}"),
    )
    incident = msgspec.structs.replace(pods_incident(), id=alert.incident, title=bad)
    member = msgspec.structs.replace(incident.members[0], alert=bad, node=bad, container_name=bad, pod=bad)
    silent = msgspec.structs.replace(containers()[0], image=image, reasons=(bad,), node=bad, container_name=bad)
    other = msgspec.structs.replace(alert, id=bad, container_id="x")
    return [alert, msgspec.structs.replace(incident, members=(member,)), silent, other]


def explanation(outputs: Iterable[Output], *, is_incident: bool = False) -> Explanation:
    """The first of them explained by the others."""
    alert, *others = outputs
    assert isinstance(alert, Alert)
    neighbours = Neighbours(alert)
    for output in (alert, *others):
        if isinstance(output, Incident):
            neighbours.add_incident(output)
        else:
            neighbours.add(msgspec.convert(msgspec.to_builtins(output), Told))
    return explained(alert, neighbours, DEFAULT_POLICY, TRIAGE, is_incident=is_incident)


def rich() -> Explanation:
    """All sections have something to say."""
    others = [msgspec.structs.replace(rich_alert(), id=stable_id("other"), incident="x", node="other-1")]
    return explanation([rich_alert(), pods_incident(), *containers(), *others])
