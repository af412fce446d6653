"""Turns relations between digests into the answer to: which image content is this?

Rules
- Relations, not a union: an index *contains* manifests and equals none of them; a manifest has exactly one config; a
  repository digest (index or manifest, nobody said which) stands beside configs, many to many.
- Content facts are global and immutable. A relation that a runtime told (RepoDigests beside Id, imageRef beside image
  id) is proven for that node alone; what was found inside telemetry is only claimed.
- A chain ID proves equal file systems, never equal images: two configs may share one.
Nothing here depends on the order in which the facts arrived.
"""

from collections.abc import Iterable

import msgspec

from tidewaiter.digest import Digest, chain_id
from tidewaiter.event import ImageFacts
from tidewaiter.image_contents import ImageContents

EVERYWHERE = "*"
"""Scope of a relation that was verified over the bytes: true on every node."""
CLAIMED = "?"
"""Scope of a relation that telemetry merely claims."""
_MAX_RELATIONS = 200_000
_MAX_CONTENTS = 10_000
_MAX_BESIDE = 256
"""Digests kept beside one digest: platforms of an index, names of one content."""
_KINDS = ("index", "manifest", "config")


class Declared(msgspec.Struct, frozen=True):
    """What an image config says will run. None: not known; empty: known to be empty."""

    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    healthcheck: tuple[str, ...] | None = None


class IdentityGraph(msgspec.Struct):
    """All digest relations that are known, each with the scopes in which it is proven."""

    configs: dict[Digest, dict[Digest, set[str]]] = msgspec.field(default_factory=dict)
    """Index, manifest or repository digest -> config digest -> scopes (a node's key, EVERYWHERE or CLAIMED)."""
    digests: dict[Digest, set[Digest]] = msgspec.field(default_factory=dict)
    """The reverse: config digest -> index, manifest and repository digests."""
    manifests: dict[Digest, set[Digest]] = msgspec.field(default_factory=dict)
    """Index digest -> manifest digests it contains."""
    kinds: dict[Digest, str] = msgspec.field(default_factory=dict)
    """Digest -> `index`, `manifest` or `config`, where that is known."""
    chains: dict[Digest, Digest] = msgspec.field(default_factory=dict)
    """Config digest -> chain ID."""
    stacked: dict[Digest, set[Digest]] = msgspec.field(default_factory=dict)
    """Chain ID -> config digests that stand on it."""
    declared: dict[Digest, Declared] = msgspec.field(default_factory=dict)
    """Config digest -> what it declares."""
    contents: dict[Digest, ImageContents] = msgspec.field(default_factory=dict)
    """Config digest -> what its layers hold that can run, where that was verified over the bytes."""
    short: dict[str, set[Digest]] = msgspec.field(default_factory=dict)
    """First 12 hex of a config digest -> config digests."""
    evicted: int = 0

    def learn(self, facts: ImageFacts, scope: str) -> None:
        """Take in one image's facts, proven in `scope`. A claim relates digests, and says nothing else."""
        config, stack = facts.config_digest, facts.chain_id or chain_id(facts.diff_ids)
        if scope != CLAIMED:
            if facts.index_digest is not None:
                self.name_kind(facts.index_digest, "index")
                if facts.manifest_digest is not None:
                    self._beside(self.manifests, facts.index_digest, facts.manifest_digest)
            if facts.manifest_digest is not None:
                self.name_kind(facts.manifest_digest, "manifest")
        if config is None:
            return
        for told in (facts.index_digest, facts.manifest_digest, *facts.repo_digests):
            if told is not None and told != config:
                self.relate(told, config, scope)
        if scope != CLAIMED:
            self.name_kind(config, "config")
            if stack is not None:
                self._stack(config, stack)
            self._declare(config, facts)
        if scope == EVERYWHERE and facts.contents is not None and len(self.contents) < _MAX_CONTENTS:
            # One config digest has one stack of layers: a second telling can only be the same.
            self.contents.setdefault(config, facts.contents)

    def relate(self, repo_digest: Digest, config: Digest, scope: str) -> None:
        """An index or manifest digest stands beside a config digest, proven in `scope`."""
        known = self.configs.get(repo_digest)
        if known is None:
            if len(self.configs) >= _MAX_RELATIONS:
                self.evicted += 1
                return
            known = self.configs[repo_digest] = {}
        if config not in known and len(known) >= _MAX_BESIDE:
            self.evicted += 1
            return
        if not self._beside(self.digests, config, repo_digest):
            if not known:
                del self.configs[repo_digest]
            return
        known.setdefault(config, set()).add(scope)
        if scope != CLAIMED:
            self.name_kind(config, "config")

    def name_kind(self, digest: Digest, kind: str) -> None:
        """The digest is known to be an index, a manifest or a config; the first in that order wins a disagreement."""
        known = self.kinds.get(digest)
        if known is None and len(self.kinds) >= _MAX_RELATIONS:
            self.evicted += 1
        elif known is None or _KINDS.index(kind) < _KINDS.index(known):
            self.kinds[digest] = kind
        is_config = self.kinds.get(digest) == "config"
        if is_config:
            self._beside(self.short, digest[7:19], digest)
        elif known == "config":
            self.short.get(digest[7:19], set()).discard(digest)

    def _beside(self, table: dict[str, set[Digest]], key: str, digest: Digest) -> bool:
        """Add to a table of sets, within its bounds. Gives back whether it is in."""
        known = table.get(key)
        if known is None:
            if len(table) >= _MAX_RELATIONS:
                self.evicted += 1
                return False
            known = table[key] = set()
        if digest not in known and len(known) >= _MAX_BESIDE:
            self.evicted += 1
            return False
        known.add(digest)
        return True

    def configs_of(self, repo_digest: Digest, scopes: Iterable[str]) -> set[Digest]:
        """Config digests that stand beside an index or manifest digest, proven in one of `scopes` or everywhere."""
        wanted = {*scopes, EVERYWHERE}
        return {config for config, proven in self.configs.get(repo_digest, {}).items() if proven & wanted}

    def claimed_configs_of(self, repo_digest: Digest) -> set[Digest]:
        """Config digests that anybody at all set beside an index or manifest digest."""
        return set(self.configs.get(repo_digest, ()))

    def digests_of(self, config: Digest, scopes: Iterable[str]) -> set[Digest]:
        """Index, manifest and repository digests proven for a config digest in one of `scopes` or everywhere."""
        wanted = {*scopes, EVERYWHERE}
        return {told for told in self.digests.get(config, ()) if self.configs[told][config] & wanted}

    def config_by_prefix(self, prefix: str) -> Digest | None:
        """The one known config digest whose hex begins with `prefix` (12 or more characters); None for none or two."""
        found = [config for config in self.short.get(prefix[:12], ()) if config[7:].startswith(prefix)]
        return found[0] if len(found) == 1 else None

    def config_on_chain(self, stack: Digest) -> Digest | None:
        """The one known config digest that stands on a chain ID; None for none or several."""
        found = self.stacked.get(stack, set())
        return next(iter(found)) if len(found) == 1 else None

    def _stack(self, config: Digest, stack: Digest) -> None:
        # Two claims for one config exclude each other (a config lists its diff_ids); the smaller is kept so that
        # the order of arrival does not matter.
        if self._beside(self.stacked, stack, config):
            self.chains[config] = min(self.chains.get(config, stack), stack)

    def _declare(self, config: Digest, facts: ImageFacts) -> None:
        if facts.proof == "claimed" or (facts.entrypoint is None and facts.cmd is None and facts.healthcheck is None):
            return
        told = Declared(facts.entrypoint, facts.cmd, facts.healthcheck)
        known = self.declared.get(config)
        # One config digest has one config: a second, different telling can only be a fault of its producer.
        if known is None and len(self.declared) >= _MAX_RELATIONS:
            self.evicted += 1
        elif known is None or _order(told) > _order(known):
            self.declared[config] = told


def _order(declared: Declared) -> tuple[int, str]:
    known = sum(part is not None for part in (declared.entrypoint, declared.cmd, declared.healthcheck))
    return known, repr(declared)
