"""Makes briefings for the tests of what is written of them."""

from typing import Any

from tidewaiter.intel.briefing import Briefing, Hunt, Indicator, NotUsed, Phase, Source, Technique

SHA256 = "a1" * 32
ROW = f"SHA-256 | {SHA256} | loader"
SENTENCE = "The loader starts a shell with /bin/sh -c and fetches hxxp://203.0.113[.]7/a.sh."


def indicator(kind: Any, value: str, disposition: Any = "malicious", **more: Any) -> Indicator:
    """An indicator of a table's row."""
    told = {"reason": "stands under Indicators of compromise", "evidence": ROW, "offset": 1, "written": value, **more}
    return Indicator(type=kind, value=value, disposition=disposition, **told)


def briefing(**changes: Any) -> Briefing:
    """A briefing with something of everything."""
    told: dict[str, Any] = {
        "title": "A slow loader",
        "severity": "high",
        "severity_reasons": ("The article says that it was used in attacks.",),
        "source": Source(
            url="https://blog.example/a-slow-loader", publisher="Example", date="2024-03-01", sha256="b2" * 32
        ),
        "summary": ("A loader on build servers.", f"The article says: “{SENTENCE}”"),
        "indicators": (
            indicator("sha256", SHA256),
            indicator("ipv4", "203.0.113.7", evidence=SENTENCE, port=8443),
            indicator("url", "http://203.0.113.7/a.sh", "suspicious", evidence=SENTENCE),
            indicator("cve", "CVE-2024-0001", "unknown"),
            indicator("wallet", "wallet-1", role="btc"),
            indicator("domain", "customer.example", "victim"),
        ),
        "techniques": (
            Technique(id="T1059.004", name="Unix Shell", score=0.8, how="inferred", evidence=SENTENCE, offset=9),
        ),
        "phases": (Phase(name="execution", evidence=SENTENCE, offset=9),),
        "hunts": (
            Hunt(
                language="spl",
                title="The address",
                query='index=* dest="203.0.113.7"\n| stats count',
                indicators=("203.0.113.7",),
            ),
        ),
        "why": "Build servers hold the keys of what is shipped.",
        "not_used": (
            NotUsed(
                type="domain", value="node.js", reason="is the name of a program", evidence="We use node.js.", offset=3
            ),
        ),
        "attack_release": "19.1",
    }
    return Briefing(**{**told, **changes})
