"""Turns an incident into one OCSF Incident Finding, class 2005: https://schema.ocsf.io/1.9.0/classes/incident_finding.

Each alert of the incident is one of its findings, under the uid that its own Detection Finding has. OCSF asks for a
status at any time: New at first, Closed when it is none any more, Unknown between, since then it is the consumer's.
"""

import msgspec

from tidewaiter.alert import Incident
from tidewaiter.sinks._ocsf_analytic import analytic_of, attack_of
from tidewaiter.sinks._ocsf_parts import Part, known, milliseconds

_CLASS = 2005
_SEVERITIES = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_CREATE, _UPDATE, _CLOSE = (1, "Create"), (2, "Update"), (3, "Close")
_UNKNOWN, _NEW, _CLOSED = (0, "Unknown"), (1, "New"), (5, "Closed")
_RESOURCE, _USER = 10, 4


def incident_finding(incident: Incident, metadata: Part) -> Part:
    """The finding; `metadata` as in all findings of this product."""
    is_over = incident.verdict == "withdrawn"
    activity_id, activity = _CLOSE if is_over else _UPDATE if incident.revision else _CREATE
    status_id, status = _CLOSED if is_over else _UNKNOWN if incident.revision else _NEW
    first, last = milliseconds(incident.first_seen), milliseconds(incident.last_seen)
    return known(
        activity_id=activity_id,
        activity_name=activity,
        category_uid=2,
        category_name="Findings",
        class_uid=_CLASS,
        class_name="Incident Finding",
        type_uid=_CLASS * 100 + activity_id,
        type_name=f"Incident Finding: {activity}",
        time=last or first or 0,
        start_time=first,
        end_time=last,
        timezone_offset=0,
        severity_id=_SEVERITIES[incident.severity],
        severity=incident.severity.capitalize(),
        status_id=status_id,
        status=status,
        status_detail="withdrawn" if is_over else None,
        message=incident.title,
        desc=incident.title,
        metadata={**metadata, "profiles": ["incident"]},
        attacks=[attack_of(incident.technique)],
        finding_info_list=_findings(incident),
        observables=_observables(incident),
        unmapped={"tidewaiter": _unmapped(incident)},
    )


def _findings(incident: Incident) -> list[Part]:
    """The alerts; where none is left, the incident itself, since OCSF asks for one."""
    analytic = analytic_of(incident.analytic)
    found = [
        known(
            uid=member.alert,
            title=f"{member.verdict} in {member.container_name or member.container_id or member.pod or member.node}",
            analytic=analytic,
            types=[member.verdict],
            first_seen_time=milliseconds(member.time),
        )
        for member in incident.members
    ]
    return found or [known(uid=incident.id, title=incident.title, analytic=analytic)]


def _observables(incident: Incident) -> list[Part]:
    image, user = incident.image.config_digest, incident.created_by
    found: list[Part] = []
    if image:
        name = "unmapped.tidewaiter.image.config_digest"
        found.append({"name": name, "type_id": _RESOURCE, "type": "Resource UID", "value": image})
    if user:
        name = "unmapped.tidewaiter.created_by"
        found.append({"name": name, "type_id": _USER, "type": "User Name", "value": user})
    return found


def _unmapped(incident: Incident) -> Part:
    mapped = ("id", "title", "severity", "analytic", "technique")
    return {key: value for key, value in msgspec.to_builtins(incident).items() if key not in mapped}
