"""Names further words for techniques of `cues.py`: the same deeds as other publishers write of them."""

# fmt: off
FURTHER: tuple[tuple[str, str], ...] = (
    ("T1195.002", r"\bpost-?install (?:scripts?|hooks?)\b|packages? .{0,60}(?:uploaded|published|pushed) (?:to"
     r"|on) (?:the )?"
     r"(?:npm|pypi|nuget|rubygems)|(?:cop(?:y|ied|ies)|add(?:s|ed)?|inject\w*) .{0,60}(?:into|to) .{0,40}(?:npm"
     r"|pypi) packages"),
    ("T1190", r"crafted (?:\w+ )?(?:requests?|packets?)|(?:unauthenticated|exposed|vulnerable|misconfigured"
     r"|unpatched) (?:\w+ )?(?:redis|jupyter|hadoop|kubelets?|etcd|postgres\w*|confluence|selenium|mongodb"
     r"|elasticsearch|weblogic|struts|servers?|instances?)\b"),
    ("T1566.003", r"\brecruiters?\b|fake (?:job|interview|coding)|(?:via|through|on|over) (?:linkedin|whatsapp)"),
    ("T1609", r"kubelet\b.{0,60}(?:/run|/exec|10250)"),
    ("T1543.005", r"\bas (?:an? )?(?:\w+ )?daemonsets?\b"),
    ("T1610", r"\bas (?:an? )?(?:\w+ )?daemonsets?\b|privileged (?:container|pod)s?\b"),
    ("T1685 T1562.001", r"(?:remov|uninstall|disabl|kill|stop)\w* .{0,40}(?:monitoring|cloud|security|edr"
     r"|protection) (?:agents?|tools?|software|sensors?)|agents? of (?:alibaba|tencent|falco|aliyun|aqua|defender)"),
    ("T1685.006 T1070.002", r"\blog (?:lines|entries|files) .{0,30}(?:removed|deleted|cut|wiped)"),
    ("T1560.001", r"(?:pack|archiv|compress|zipp?)(?:s|es|ed|ing)? .{0,60}(?:with|using|by"
     r"|into) (?:an? )?(?:copy of )?(?:tar|zip|gzip|rar|winrar|7z)\b"),
    ("T1552.001", r"trufflehog|gitleaks|(?:reads?|read from|in) (?:the|its) config\w*.{0,40}passwords?"
     r"|passwords? (?:of|from|in) .{0,40}config\w*|\.kube/config|kubeconfig"),
    ("T1657", r"threaten\w* to (?:publish|leak|release|sell)|demand\w* .{0,30}(?:ransom|bitcoin|payment)"
     r"|funds .{0,20}(?:moved|stolen|transferred)"),
    ("T1036.003", r"renamed (?:copy|version|binary)"),
    ("T1505.003", r"\b(?:aspx?|php|jspx?) shells?\b"),
    ("T1114.003", r"(?:filter|rule)s? .{0,30}forward\w*|forwards? (?:new |all |incoming )?(?:mail|messages|e-?mails)"),
    ("T1114.002", r"(?:reads?|download\w*|collect\w*|copied|export\w*|stole) .{0,50}(?:\bmessages\b"
     r"|mailbox(?:es)?|\be-?mails\b|\binbox)"),
    ("T1056.003", r"(?:sign|log) in again|fake (?:login|sign-?in) (?:page|form|portal)"),
    ("T1039", r"(?:documents?|files?|data) (?:from|on) .{0,20}(?:file|network) shares?"),
    ("T1583.001", r"domains? (?:was|were|had been) (?:all )?registered|register(?:ed|ing) (?:the |a |several "
     r"|new |look-?alike ){0,3}domains?"),
    ("T1555.003", r"\blogin data\b|(?:chrome|firefox|edge|browsers?)'?s? .{0,30}(?:passwords?|credentials)"),
    ("T1033", r"(?:send|harvest|tak|upload)\w* .{0,80}\buser ?names?"),
    ("T1567.001", r"public repositor\w+ .{0,80}(?:commit|push|upload)\w*|(?:commit|push"
     r"|upload)\w* .{0,60}public repositor\w*"),
    ("T1528", r"\btokens? (?:had been|have been|was|were) (?:stolen|taken|leaked)|(?:stole|steals?|stealing"
     r"|stolen) .{0,30}\btokens?\b"),
    ("T1550.001", r"(?:us(?:es|ed|ing)|with|replay\w*) .{0,20}(?:oauth|refresh|bearer|stolen|access) (?:\w+ )?tokens?"),
    ("T1213.003", r"\bclon(?:ed|es|ing) .{0,60}(?:repositor\w+|in \w+)|source code repositor\w+"),
    ("T1078", r"(?:sign|log)g?(?:ed|ing|s)? (?:in|on)(?:to)? (?:\w{1,30} ){0,3}(?:with|as|using) .{0,60}(?:account"
     r"|credentials|password)"),
    ("T1105", r"\b(?:retriev|fetch|download)(?:s|es|ed) (?:[\w./-]{1,60} ){1,6}(?:from|into|to)\b"),
    ("T1008", r"should (?:that|this|it) (?:\w+ )?(?:not|fail)"),
    ("T1190", r"(?:entered|got in|broke in|breached) .{0,40}\b(?:with|by|through|via) (?:\w+ )?(?:cve-"
     r"|an unpatched|a flaw|a bug)"),
    ("T1686 T1562.004", r"\bnftables\b|clos\w* (?:tcp )?ports? \d"),
    ("T1136.001", r"created an? (?:new )?administrator\b"),
    ("T1505.003", r"(?:php|asp|aspx|jsp) backdoors?\b"),
    ("T1614.001", r"keyboard .{0,30}(?:layout|russian|is)|(?:system|user'?s?) (?:language|locale)|russian keyboard"),
    ("T1497.001", r"number of (?:processors|cores|cpus)"),
    ("T1204.002", r"(?:recipient|victim|user|target|employee|he|she)s? (?:double-?)?clicks? (?:on )?(?:it"
     r"|the (?:file|shortcut|attachment|document))"),
    ("T1056.003", r"replac\w* the .{0,20}(?:payment|login) (?:form|page)|overlay"),
    ("T1611", r"\bwith the host'?s? .{0,30}mounted|host'?s? (?:root|/|file ?system)\S* .{0,20}mounted"),
    ("T1525", r"(?:poisoned|backdoored|trojani[sz]ed) (?:\w{1,20} ){0,5}images?\b.{0,60}push\w*"
     r"|push\w* .{0,30}over the (?:good|original|genuine)"),
    ("T1552.001", r"\bcredentials\.xml|\bmaster\.key\b|wp-config\.php"),
    ("T1486", r"files? (?:are|is|were|was) encrypted|every name gets the suffix"),
    ("T1489", r"(?:stops?|kills?|terminates?) (?:the |all )?services?\b"),
    ("T1083", r"(?:walk|crawl|travers|recurs)\w* .{0,40}(?:/home|/var|/srv|drives?|volumes)"),
    ("T1496.002", r"(?:rented|renting|sold|selling) (?:out )?(?:the |their )?(?:\w{1,20} ){0,3}(?:connections?"
     r"|bandwidth|addresses)"),
    ("T1195.002", r"pre-?installed (?:malware|in the firmware|on)|(?:came|shipped) pre-?installed"
     r"|fake (?:\w{1,20} ){0,2}(?:plugin|extension|installer|package|update)s?\b"),
    ("T1041", r"uploads? (?:them|it|these|everything) (?:in|by|with|over) (?:an? |one )?http"),
)
# fmt: on
"""(ids of a technique, the newest first; what gives it away, in lower case)."""
