"""Defines what a trust policy is made of: rules on origins and content, mirrors, scopes, weights and its own tests."""

from typing import Literal

import msgspec

from tidewaiter.digest import Digest

State = Literal["trusted", "untrusted", "unknown"]
Strength = Literal["strong", "weak", "none"]
Ceiling = Literal["suspicious", "alert"]
Forbidden = Literal["mutable_tag", "privileged", "host_root_mount", "host_pid", "always_pull"]
ExpectedEffect = Literal[
    "none",
    "quiet",
    "suspicious",
    "alert",
    "require",
    "forbid",
    "mutable_tag",
    "privileged",
    "host_root_mount",
    "host_pid",
    "always_pull",
]


class Behaviours(msgspec.Struct, frozen=True, kw_only=True):
    """How much each judging row of AN0691 weighs: `strong` may alert, `weak` is suspicious, `none` is not looked at."""

    suspicious_binary: Strength = "strong"
    """A suspicious binary ran that the image does not declare."""
    declared_binary: Strength = "weak"
    """A suspicious binary ran that the image's Entrypoint, Cmd or Healthcheck declares."""
    external_egress: Strength = "strong"
    """Egress to an address outside `internal_cidrs`."""
    blocked_egress: Strength = "strong"
    """Egress to an address in `outbound_cidr_block_list`."""
    control_plane_egress: Strength = "strong"
    """Egress to a metadata service or to Docker, kubelet or etcd."""
    written_binary: Strength = "strong"
    """A binary ran that no layer of the image holds (drift)."""
    internal_egress: Strength = "weak"
    """Egress to an internal destination that an existing baseline has not seen; without a baseline it never counts."""
    unseen_program: Strength = "weak"
    """A program ran that a mature baseline has not seen; without one it never counts."""
    unproven_initiator: Strength = "weak"
    """A flow of which nobody can tell who opened it."""
    interactive_session: Strength = "weak"
    """A named human attached to the container."""
    policy_broken: Strength = "weak"
    """A scope's `require` or `forbid` was broken."""
    indicator: Strength = "strong"
    """The image, a program or a destination is one that `--indicators` lists; without them it never counts."""


class BaselineRules(msgspec.Struct, frozen=True, kw_only=True):
    """From when on a baseline is mature (all three must be met), and how long it holds."""

    completeness: float = 0.95
    """Share of what the workload does that must be known by estimate, 0 to 1."""
    containers: int = 3
    """Containers, or starts, in which the workload must have been seen."""
    hours: int = 24
    """Container-hours in which it must have been seen."""
    retention_ns: int = 30 * 86_400 * 1_000_000_000
    """What a workload has not done for so long, by its own time, is expected of it no more."""


class Mirror(msgspec.Struct, frozen=True):
    """A registry, or a folder of one, that hands on the bytes of another."""

    mirror: str
    """`host` or `host/path`, normalised."""
    upstream: str


class TrustRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule about where content comes from, or about which content it is."""

    name: str
    state: State
    image: str | None = None
    """Pattern over `registry/path`. Beside `digests` it only tells the reader what the pin is about."""
    digests: tuple[Digest, ...] = ()
    """Index, manifest or config digests. Where given, they alone decide."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected where. Every field that is given must match; all but `image` and `digests` are shell globs."""

    name: str
    cluster: str | None = None
    node: str | None = None
    namespace: str | None = None
    pod: str | None = None
    container_name: str | None = None
    workload_kind: str | None = None
    workload: str | None = None
    service_account: str | None = None
    user: str | None = None
    group: str | None = None
    """Matches if any group of the subject matches."""
    image: str | None = None
    """Pattern as in trust rules; matches if any image of the subject matches."""
    digests: tuple[Digest, ...] = ()
    quiet: bool = False
    ceiling: Ceiling | None = None
    """The highest verdict allowed. `alert` caps nothing, and so lifts a `quiet` or a lower ceiling from elsewhere."""
    require: Literal["trusted"] | None = None
    forbid: tuple[Forbidden, ...] = ()


GLOB_FIELDS = (
    "cluster",
    "node",
    "namespace",
    "pod",
    "container_name",
    "workload_kind",
    "workload",
    "service_account",
    "user",
)
"""The fields of a `Scope` that are shell globs over the field of that name of a `Subject`."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A container as scopes see it: where it runs, for whom, and what. None is not known, and matches nothing."""

    cluster: str | None = None
    node: str | None = None
    namespace: str | None = None
    pod: str | None = None
    container_name: str | None = None
    workload_kind: str | None = None
    workload: str | None = None
    service_account: str | None = None
    user: str | None = None
    groups: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """Repositories (`registry/path`): the origins and the reference's, through `upstream`."""
    digests: tuple[Digest, ...] = ()
    """Digests proven for the content."""


class PolicyTest(msgspec.Struct, frozen=True, kw_only=True):
    """One case that the policy file states about itself."""

    where: str
    """`file:line: tests[0]`, the beginning of the failure's message."""
    image: str | None = None
    """A reference, as somebody would type it."""
    subject: Subject = Subject()
    """The rest of the case; its `images` are filled from `image` when the case runs."""
    expect: State | None = None
    expect_effects: tuple[ExpectedEffect, ...] = ()
    """All of these must hold. `suspicious` and `alert` are ceilings; `none`: no scope says anything."""
