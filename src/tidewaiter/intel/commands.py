"""Names the techniques that a command in a listing carries out: what an article on an attack shows, it tells of.

Rules and queries look for the same words; a listing that reads as one is left out, and so is what stands below headings
of advice and detection (`claims.py`).
"""

import re

# fmt: off
_TABLE: tuple[tuple[str, str], ...] = (
    ("T1610", r"\bdocker\b[^\n|;]{0,120} (?:run|create) |/containers/create\b|\bkubectl\b[^\n|;]{0,60} (?:apply"
     r"|create|run) "),
    ("T1611", r" -v /:/|\"binds\"\s?:\s?\[\"/:/|\bnsenter\b|\bchroot /(?:host|mnt)|release_agent|mount /dev/[sv]da"
     r"|hostpath:\s*(?:\n\s*)?path: /\s*$"),
    ("T1609", r"\bkubectl\b[^\n|;]{0,80} exec |\bdocker\b[^\n|;]{0,60} exec |/containers/[\w{}-]{1,80}/exec\b"),
    ("T1105", r"\b(?:curl|wget)\b[^\n]{0,300}(?:\|\s{0,2}(?:sudo )?(?:ba|da|z)?sh\b|\|\s{0,2}python|\s-o\s"
     r"|\s-O\s|chmod)"
     r"|downloadstring|downloadfile|invoke-webrequest|\biwr\b|certutil[^\n]{0,60}-urlcache"
     r"|bitsadmin[^\n]{0,60}/transfer"),
    ("T1059.004", r"\|\s{0,2}(?:sudo )?(?:ba|da|z)?sh\b|\b(?:ba|da|z)?sh -[ci]\b|/dev/tcp/"),
    ("T1059.001", r"\bpowershell(?:\.exe)?\b[^\n]{0,80}\s-(?:e|en|enc|encodedcommand|nop|w|c|command)\b|\biex\b"),
    ("T1053.003", r"\bcrontab\s+(?:-(?![a-z])|/)|/etc/cron|/var/spool/cron|@reboot "),
    ("T1053.005", r"\bschtasks\b[^\n]{0,40}/create"),
    ("T1098.004", r">>?\s{0,2}\S{0,60}authorized_keys"),
    ("T1574.006", r"\S{0,40}>\s{0,2}/etc/ld\.so\.preload|\bld_preload="),
    ("T1070.003", r"\bhistory -c\b|\bunset histfile|histfile=/dev/null|rm [^\n]{0,30}\.bash_history"),
    ("T1070.004", r"\brm -r?f \"?\$0|\brm -rf /tmp/"),
    ("T1140", r"\bbase64 (?:-d|--decode)\b|\bcertutil[^\n]{0,40}-decode"),
    ("T1552.005", r"169\.254\.169\.254/"),
    ("T1552.001", r"\bcat [^\n]{0,60}(?:\.aws/credentials|\.docker/config\.json|\.git-credentials|\.kube/config"
     r"|\.env\b)"),
    ("T1528", r"/var/run/secrets/kubernetes\.io/serviceaccount/token"),
    ("T1685 T1562.001", r"\bsetenforce 0|systemctl (?:stop|disable) [^\n]{0,40}(?:falco|apparmor|aliyun|auditd"
     r"|falcon|defender)"
     r"|set-mppreference[^\n]{0,60}disable"),
    ("T1686 T1562.004", r"\biptables -f\b|\bufw disable\b|\bnft flush\b|netsh advfirewall[^\n]{0,40}off"),
    ("T1490", r"\bvssadmin\b[^\n]{0,20}delete|wbadmin[^\n]{0,20}delete|bcdedit[^\n]{0,40}recoveryenabled"),
    ("T1489", r"esxcli vm process kill"),
    ("T1136.001", r"\b(?:useradd|adduser)\s+\S|\bnet user \S+ \S+ /add"),
    ("T1496.001 T1496", r"\bxmrig\b|stratum\+tcp://|--donate-level"),
    ("T1003.001", r"comsvcs\.dll,? ?(?:#24|minidump)|procdump[^\n]{0,40}lsass"),
    ("T1046", r"\b(?:masscan|zmap|nmap|pnscan)\s+-"),
)
# fmt: on
_RULE = re.compile(
    r"\bdetection:|\bcondition:|\blogsource:|^rule \w+|\|\s*where\b|\bindex=|\btstats\b|^alert (?:tcp|http|dns|udp)"
    r"|\bselect\b.{0,200}\bfrom\b|\bprocess where\b|^\s*- rule:|spawned_process|\bgrep\b",
    re.IGNORECASE | re.MULTILINE,
)
_MOST = 4000
"""Characters of a line or of a listing that are looked at."""
COMMANDS = tuple((tuple(ids.split()), re.compile(pattern)) for ids, pattern in _TABLE)
"""(ids of a technique, the newest first; how a command that carries it out reads, in lower case)."""


def is_rule(listing: str) -> bool:
    """Whether a listing is a rule or a query that looks for commands."""
    return _RULE.search(listing[:_MOST]) is not None


def carried_out(line: str) -> list[tuple[str, ...]]:
    """The ids of each technique that a line of a listing carries out."""
    low = line[:_MOST].lower()
    return [ids for ids, pattern in COMMANDS if pattern.search(low)]
