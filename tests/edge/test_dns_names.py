"""Names of addresses from DNS answers: aliases, lifetimes, scopes apart, bounds, and payloads of any kind."""

import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidewaiter.edge.dns_names import DnsNames

SECOND = 1_000_000_000
NOW = 1_789_996_424 * SECOND
A, AAAA = "203.0.113.7", "2001:db8::7"


def reply(name: str, *records: str, kind: str = "A") -> bytes:
    """An answer to a question for a name; records as `owner ttl kind data`."""
    made = dns.message.make_response(dns.message.make_query(name, kind))
    for record in records:
        owner, ttl, rdtype, data = record.split()
        made.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", rdtype, data))
    return made.to_wire()


def told(*payloads: bytes, scope: int = 1) -> DnsNames:
    """Names after these answers, a second apart."""
    names = DnsNames()
    for index, payload in enumerate(payloads):
        names.answer(scope, payload, NOW + index * SECOND)
    return names


def test_an_address_has_the_name_that_was_asked_for() -> None:
    """In its scope only, without a final dot, in lower case."""
    names = told(reply("Pool.Example.com", f"Pool.Example.com. 300 A {A}"))
    assert names.name_of(1, A, NOW) == "pool.example.com"
    assert names.name_of(2, A, NOW) is None
    assert names.name_of(1, "203.0.113.8", NOW) is None


def test_aliases_are_followed_from_the_name_asked_for() -> None:
    """CNAME after CNAME; the owner of the address is not the name."""
    payload = reply(
        "pool.example.com.",
        "pool.example.com. 300 CNAME edge.cdn.example.",
        "edge.cdn.example. 300 CNAME e7.cdn.example.",
        f"e7.cdn.example. 20 A {A}",
        "e7.cdn.example. 20 A 203.0.113.9",
    )
    names = told(payload)
    assert {names.name_of(1, ip, NOW) for ip in (A, "203.0.113.9")} == {"pool.example.com"}


def test_an_address_of_another_name_is_not_taken() -> None:
    """What stands in the answer without a way from the question is nobody's."""
    names = told(reply("pool.example.com.", f"pool.example.com. 60 A {A}", "good.example. 60 A 203.0.113.9"))
    assert names.name_of(1, "203.0.113.9", NOW) is None


def test_version_6_and_mapped_addresses() -> None:
    """In any spelling; an IPv4 address in IPv6's clothes is the IPv4 address."""
    names = told(
        reply("six.example.", f"six.example. 60 AAAA {AAAA}", kind="AAAA"),
        reply("mapped.example.", "mapped.example. 60 AAAA ::ffff:203.0.113.7", kind="AAAA"),
    )
    assert names.name_of(1, "2001:0DB8:0:0::7", NOW) == "six.example"
    assert names.name_of(1, A, NOW + SECOND) == "mapped.example"


def test_a_name_holds_for_its_time_but_at_least_a_minute() -> None:
    """And at most a day; not before it was answered."""
    names = told(reply("short.example.", f"short.example. 5 A {A}"))
    assert names.name_of(1, A, NOW + 60 * SECOND) == "short.example"
    assert names.name_of(1, A, NOW + 61 * SECOND) is None
    assert names.name_of(1, A, NOW - 1) is None
    names = told(reply("long.example.", f"long.example. 300 A {A}"))
    assert names.name_of(1, A, NOW + 300 * SECOND) == "long.example"
    assert names.name_of(1, A, NOW + 301 * SECOND) is None
    names = told(reply("ever.example.", f"ever.example. 2000000000 A {A}"))
    assert names.name_of(1, A, NOW + 86_401 * SECOND) is None


def test_the_last_answer_counts() -> None:
    """One address, two names."""
    names = told(*(reply(name, f"{name} 300 A {A}") for name in ("a.example.", "b.example.")))
    assert names.name_of(1, A, NOW + 2 * SECOND) == "b.example"


def test_questions_failures_and_other_types_say_nothing() -> None:
    """They are no fault either."""
    question = dns.message.make_query("a.example", "A").to_wire()
    refused = dns.message.make_response(dns.message.make_query("a.example", "A"))
    refused.set_rcode(dns.rcode.NXDOMAIN)
    names = told(
        question, refused.to_wire(), reply("a.example.", "a.example. 60 TXT x", kind="TXT"), reply("b.example.")
    )
    assert names.rejected == names.skipped == 0
    assert names.name_of(1, A, NOW) is None


def test_names_and_scopes_are_bounded() -> None:
    """The oldest goes."""
    names = DnsNames(scopes=2, names=2)
    for index in range(3):
        names.answer(1, reply("a.example.", f"a.example. 60 A 203.0.113.{index}"), NOW)
    assert [names.name_of(1, f"203.0.113.{index}", NOW) for index in range(3)] == [None, "a.example", "a.example"]
    for scope in (2, 3):
        names.answer(scope, reply("a.example.", f"a.example. 60 A {A}"), NOW)
    assert [names.name_of(scope, "203.0.113.2", NOW) for scope in (1,)] == [None]
    assert [names.name_of(scope, A, NOW) for scope in (2, 3)] == ["a.example"] * 2


def test_a_flood_costs_its_own_scope_only() -> None:
    """Beyond a thousand records a second a scope's answers are counted, not read; the next second they are."""
    names = DnsNames()
    payload = reply("a.example.", *(f"a.example. 60 A 203.0.113.{index}" for index in range(49)))
    for _ in range(100):
        names.answer(1, payload, NOW)
    assert names.skipped == 80
    names.answer(2, reply("b.example.", f"b.example. 60 A {A}"), NOW)
    names.answer(1, reply("b.example.", f"b.example. 60 A {A}"), NOW + SECOND)
    assert (names.name_of(2, A, NOW), names.name_of(1, A, NOW + SECOND)) == ("b.example", "b.example")


LOOP = bytes.fromhex("000181800001000100000000c00c00010001c00c000100010000003c0004cb007107")
FORGED = reply("a.example.", *(f"a.example. 60 A 203.0.113.{index}" for index in range(70)))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0" * 11,
        b"\x00\x01\x81\x80" + b"\xff" * 8,
        LOOP,
        FORGED,
        FORGED * 4,
        reply("a.example.", "a.example. 60 A 203.0.113.1")[:-2],
    ],
)
def test_what_is_no_plain_answer_is_counted(payload: bytes) -> None:
    """Short, a pointer to itself, too many records, too large, cut."""
    names = told(payload)
    assert names.rejected == 1


VALID = reply("pool.example.com.", "pool.example.com. 300 CNAME e.example.", f"e.example. 20 A {A}")


@pytest.mark.property
@given(st.binary(max_size=600).map(lambda rest: b"\x00\x01\x81\x80\x00\x01" + rest) | st.binary(max_size=5000))
@example(VALID)
def test_no_bytes_escape(payload: bytes) -> None:
    """Whatever is sent to a container."""
    assert told(payload).name_of(1, A, NOW) in (None, "pool.example.com")


@pytest.mark.property
@given(st.integers(0, len(VALID) - 1), st.integers(0, 255))
def test_no_changed_byte_escapes(at: int, value: int) -> None:
    """Nearly right messages, which get furthest into the reading."""
    names = told(VALID[:at] + bytes([value]) + VALID[at + 1 :])
    name = names.name_of(1, A, NOW)
    assert name is None or len(name) <= 1024
