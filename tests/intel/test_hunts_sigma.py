"""Proves that every Sigma rule is one to pySigma, that it converts, and that no value breaks out."""

import uuid

import pytest
import yaml
from hunt_samples import EVERY_KIND, EVERY_TECHNIQUE, HOSTILE_TEXT, KINDS, assert_stays_inside, hunts_of, indicator
from hypothesis import given, settings

from tidewaiter.intel.briefing import IndicatorType
from tidewaiter.intel.hunts import hunts_for
from tidewaiter.intel.hunts.sigma import rule_id

_REASON = "pySigma is absent; that Sigma rules are valid was not proven"
collection = pytest.importorskip("sigma.collection", reason=_REASON)
types = pytest.importorskip("sigma.types", reason=_REASON)
validation = pytest.importorskip("sigma.validation", reason=_REASON)
validators = pytest.importorskip("sigma.validators.core", reason=_REASON).validators


def strings(rule: str) -> list[str]:
    """Parse, and give the values that are looked for, decoded, in order; a wildcard of a value's own is a fault."""
    (parsed,) = collection.SigmaCollection.from_yaml(rule).rules
    assert not parsed.errors
    found = []
    for detection in parsed.detection.detections.values():
        for item in detection.detection_items:
            for value in item.original_value if isinstance(item.original_value, list) else [item.original_value]:
                assert not value.contains_special(), value
                found.append("".join(part for part in value.s if isinstance(part, str)))
    return found


def rules() -> list[str]:
    """All kinds and all behaviours."""
    return [hunt.query for hunt in hunts_of("sigma", EVERY_KIND, EVERY_TECHNIQUE)]


def test_every_rule_passes_the_validators() -> None:
    """pySigma's own validators find nothing wrong; those that fetch something first are not asked."""
    parsed = collection.SigmaCollection.from_yaml("---\n".join(rules()))
    assert len(parsed.rules) > 18
    offline = {validator for name, validator in validators.items() if name not in ("attacktag", "d3_fendtag")}
    issues = validation.SigmaValidator(offline).validate_rules(parsed)
    meant = {"DateExistenceIssue", "EscapedWildcardIssue"}  # a URL's `*` and `?` are no wildcards, which it doubts
    assert {type(issue).__name__ for issue in issues} - meant == set(), [str(one) for one in issues]


def test_every_rule_converts() -> None:
    """A backend makes a query of each: conditions and selections fit together."""
    splunk = pytest.importorskip("sigma.backends.splunk", reason="no backend of pySigma; nothing was converted")
    for rule in rules():
        assert splunk.SplunkBackend().convert(collection.SigmaCollection.from_yaml(rule))[0]


def test_ids_are_stable_and_apart() -> None:
    """Version 5 UUIDs as the standard library makes them, the same for the same rule and other ones for others."""
    ids = [yaml.safe_load(rule)["id"] for rule in rules()]
    assert len(set(ids)) == len(ids)
    assert ids == [yaml.safe_load(rule)["id"] for rule in rules()]
    assert rule_id("a", "b") == str(uuid.uuid5(uuid.NAMESPACE_URL, "tidewaiter:sigma\na\nb"))


def test_a_hostile_title_stays_a_title() -> None:
    """The article's title is the article's text."""
    title = 'x"\nlevel: critical\n- "\u202e: {[*&!'
    hunts = hunts_for([indicator("domain", "evil.example")], [], title=title)
    (rule, *_) = [yaml.safe_load(hunt.query) for hunt in hunts if hunt.language == "sigma"]
    assert rule["level"] == "high"
    assert 'x" level: critical - "' in rule["description"]


@pytest.mark.property
@settings(deadline=None, max_examples=200)
@given(kind=KINDS, text=HOSTILE_TEXT)
def test_no_value_breaks_out_of_its_scalar(kind: IndicatorType, text: str) -> None:
    """Quotes, colons, escapes, wildcards: the rule is the harmless one with other words in its values."""
    assert_stays_inside("sigma", kind, text, strings)
