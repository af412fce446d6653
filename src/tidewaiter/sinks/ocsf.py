"""Turns an alert into one OCSF Detection Finding, class 2004 of https://schema.ocsf.io/1.9.0/classes/detection_finding,
and an incident into one Incident Finding, class 2005.

Rules
- Only attributes of the class without profiles, none of them deprecated, and known since 1.6.0. (The profile of
  incidents is part of their class.)
- Summaries and container records are no findings: they give no bytes.
- What OCSF has no place for stands in `unmapped.tidewaiter`, whole where a part of it was mapped.
- OCSF has one unnamed identifier for an image and none for its kind of digest: `container.image.uid` is the config
  digest (what Docker calls the image ID) or absent; the other digests are in `unmapped`.
"""

import msgspec

from tidewaiter import __version__
from tidewaiter.alert import Alert, Incident, Output
from tidewaiter.sinks import Sink
from tidewaiter.sinks._escape import encode_json
from tidewaiter.sinks._ocsf_analytic import analytic_of, attack_of
from tidewaiter.sinks._ocsf_incident import incident_finding
from tidewaiter.sinks._ocsf_parts import Part, evidences_of, known, milliseconds, observables_of, resources_of

SCHEMA = "1.9.0"
_CLASS = 2004
_SEVERITIES = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_CONFIDENCES = {"low": 1, "medium": 2, "high": 3}
_CREATE, _UPDATE, _CLOSE = (1, "Create"), (2, "Update"), (3, "Close")
_NEW, _DELETED = (1, "New"), (6, "Deleted")


def encode(output: Output) -> bytes:
    """One finding as a line of JSON; empty for what is no finding."""
    if isinstance(output, Incident):
        return encode_json(incident_finding(output, _metadata(output, output.id)))
    return encode_json(_finding(output)) if isinstance(output, Alert) else b""


def _finding(alert: Alert) -> Part:
    is_withdrawn = alert.verdict == "withdrawn"
    activity_id, activity = _CLOSE if is_withdrawn else _UPDATE if alert.revision else _CREATE
    evidences = evidences_of(alert)
    resources = resources_of(alert)
    first, last = _extent(alert)
    return known(
        activity_id=activity_id,
        activity_name=activity,
        category_uid=2,
        category_name="Findings",
        class_uid=_CLASS,
        class_name="Detection Finding",
        type_uid=_CLASS * 100 + activity_id,
        type_name=f"Detection Finding: {activity}",
        # A withdrawn chain has no deciding moment any more; OCSF asks for one.
        time=milliseconds(alert.time) or last or 0,
        start_time=first,
        end_time=last,
        timezone_offset=0,
        severity_id=_SEVERITIES[alert.severity],
        severity=alert.severity.capitalize(),
        confidence_id=_CONFIDENCES[alert.confidence],
        confidence=alert.confidence.capitalize(),
        is_alert=alert.verdict == "alert",
        **_status(alert),
        message=alert.title or f"{alert.analytic}: withdrawn",
        metadata=_metadata(alert, alert.incident),
        finding_info=_finding_info(alert, first, last),
        device=known(hostname=alert.node, type_id=0, type="Unknown") if alert.node else None,
        resources=resources,
        evidences=evidences,
        observables=observables_of(alert, resources, evidences),
        unmapped={"tidewaiter": _unmapped(alert)},
    )


def _status(alert: Alert) -> Part:
    """New at first and Deleted ("might have been created in error") when withdrawn; between, it is the consumer's."""
    if alert.verdict == "withdrawn":
        detail = "; ".join(("withdrawn", *alert.reasons))
        return {"status_id": _DELETED[0], "status": _DELETED[1], "status_detail": detail}
    return {} if alert.revision else {"status_id": _NEW[0], "status": _NEW[1]}


def _metadata(record: Alert | Incident, incident: str) -> Part:
    return {
        "version": SCHEMA,
        "product": {"name": "tidewaiter", "vendor_name": "tidewaiter", "version": __version__},
        "uid": f"{record.id}/{record.revision}",
        "sequence": record.revision,
        "correlation_uid": incident,
        "log_name": "tidewaiter",
    }


def _finding_info(alert: Alert, first: int | None, last: int | None) -> Part:
    return known(
        uid=alert.id,
        title=alert.title or f"{alert.analytic}: withdrawn",
        desc="\n".join((*alert.reasons, *(f"not seen: {missing}" for missing in alert.missing))),
        analytic=analytic_of(alert.analytic),
        attacks=[attack_of(alert.technique, alert.attack)],
        types=[alert.verdict],
        data_sources=sorted({evidence.source for evidence in alert.evidence if evidence.source}),
        first_seen_time=first,
        last_seen_time=last,
    )


def _unmapped(alert: Alert) -> Part:
    mapped = ("id", "title", "severity", "confidence", "evidence", "behaviours", "analytic", "technique")
    return {key: value for key, value in msgspec.to_builtins(alert).items() if key not in mapped}


def _extent(alert: Alert) -> tuple[int | None, int | None]:
    """The times of the first and of the last record, in milliseconds."""
    told = [milliseconds(time) for time in (*(e.time for e in alert.evidence), *(b.time for b in alert.behaviours))]
    times = [time for time in told if time]
    return min(times, default=None), max(times, default=None)


SINK = Sink(title="OCSF findings", media_type="application/x-ndjson", encode=encode)
