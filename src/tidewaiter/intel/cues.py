"""Names the words that give a technique away where a report's language and ATT&CK's differ, technique by technique.

Each is read inside one clause that claims something was done (`claims.py`), in an article that tells of an attack.
Where a release numbers a technique otherwise, the first id that lives is taken.
"""

import re
from collections.abc import Iterable

from tidewaiter.intel.cues_further import FURTHER

# fmt: off
_TABLE: tuple[tuple[str, str], ...] = (
    # getting in
    ("T1190", r"exploit\w* .{0,80}(?:internet|public|externally)[- ](?:facing|exposed)"
     r"|exploit\w* .{0,60}\bcve-\d{4}-\d{4,7}"
     r"|cve-\d{4}-\d{4,7}.{0,60}(?:was|were|been|is) (?:actively )?(?:abused|exploited)"
     r"|server[- ]side (?:request forgery|template injection)|\bssrf\b"
     r"|exploit\w* .{0,50}(?:injection|deseriali[sz]ation|file upload|path traversal|weakness)"
     r"|(?:us(?:e|ed|ing)|abus\w+) (?:the |a )?(?:weakness|vulnerability|flaw|bug|hole) "
     r"|(?:log4shell|proxyshell|proxylogon|sql injection)\b.{0,60}(?:to|against|exploit)"
     r"|(?:via|through|using) (?:log4shell|proxyshell|proxylogon|sql injection)"
     r"|(?:through|via|by|was|were) (?:an? )?(?:exposed|vulnerable|unpatched|outdated) [a-z]"),
    ("T1133", r"(?:logged|log|logging|signed|signing|connected|got|get) (?:on|in|into)?\s?(?:to )?(?:the |a )?(?:vpn"
     r"|citrix|rdp gateway)|(?:exposed|unauthenticated|open|listen\w*) .{0,40}docker (?:api|daemon|socket)"
     r"|docker (?:apis?|daemons?)\b.{0,60}(?:without|unauthenticated|port 237[56])"
     r"|(?:through|via|by) (?:an? |the )?(?:\w+ )?(?:vpn|citrix) ?(?:gateway|appliance|account|portal)?"
     r"|(?:log|sign|connect)\w* .{0,40}\bvpn\b"),
    ("T1199", r"(?:through|via|from|using) (?:an? |the |its )?(?:contractor|supplier|managed service provider|msp)\b"),
    ("T1583.008", r"malvertis\w*|(?:search|google|bing|sponsored) (?:engine )?(?:ads?|advert\w*)\b"),
    ("T1189", r"drive-by|watering[- ]hole|visit\w* .{0,50}(?:compromised|infected) (?:web)?sites?"
     r"|fake (?:browser )?updates?|compromis\w+ (?:the )?(?:web ?)?sites?\b|hacked (?:web ?)?sites?\b"
     r"|profile visitors"),
    ("T1566.001", r"(?:e-?mails?|messages?|mails?|phishing)\b.{0,80}(?:attach(?:ed|ment|ments)|carr(?:y|ied|ies|ying)"
     r" (?:an?|the) (?:word|excel|pdf|zip|iso|document|archive))"
     r"|(?:malicious|weaponi[sz]ed) (?:e-?mail )?attachments?|spear-?phishing .{0,40}attach"),
    ("T1566", r"\b(?:spear-?)?phishing (?:e-?mails?|messages?|campaigns?|lures?)|were phished"),
    ("T1566.002", r"(?:e-?mails?|messages?|mails?|phishing|sms)\b.{0,60}(?:with|contain\w*|includ\w*|hold\w*"
     r"|carr\w*)\b.{0,25} (?:links?|urls?|qr codes?)\b|phishing (?:links?|pages?|sites?)"),
    ("T1566.004", r"\bvishing|voice phishing|(?:called|phoned|calls? to) .{0,40}(?:help ?desk|employees)"),
    ("T1195.002", r"supply[- ]chain (?:attack|compromise)"
     r"|(?:malicious|trojani[sz]ed|poisoned|backdoored) (?:version|versions|update|updates|release"
     r"|releases|npm|pypi|packages?)\b"
     r"|(?:published|uploaded|pushed) .{0,60}(?:package|packages|versions?|librar(?:y"
     r"|ies))\b.{0,60}(?:npm|pypi|malicious)|hijacked .{0,50}(?:package|maintainer|update)"
     r"|(?:package|maintainer|update)s?\b.{0,60}hijack\w*"),
    ("T1195.002", r"compromised (?:github )?(?:actions?|packages?|librar(?:y|ies)|plugins?|releases?|updates?)\b"
     r"|(?:actions?|packages?|librar(?:y|ies)|plugins?|installers?|updates?|releases?) .{0,30}(?:was|were|is|are|been)"
     r" (?:compromised|backdoored|trojani[sz]ed|poisoned)|trojani[sz]ed (?:builds?|installers?|setup)"
     r"|(?:tags?|releases?) .{0,60}(?:points? to|moved|repointed|overwritten).{0,40}(?:commit|malicious)"),
    ("T1078", r"(?:password|passwords|credentials) .{0,20}(?:reused|bought)|(?:first )?use of the (?:token|password)"
     r"|(?:valid|stolen|leaked|compromised|bought) (?:account|accounts|credentials|passwords"
     r"|logins?)\b.{0,60}(?:log|sign|access|used)"
     r"|(?:log|sign)(?:ged|ging)? in .{0,40}(?:stolen|leaked|compromised|bought)|password that had been bought"),
    ("T1078.004", r"(?:stolen|leaked|compromised)\b.{0,60}\b(?:cloud|aws|azure|gcp|iam)\b"
     r"|(?:sign|log)\w* in(?:to)? .{0,20}cloud account|aws (?:access )?keys? .{0,40}used"),
    ("T1195.001", r"typo-?squat\w*|look-?alike packages?|dependency confusion"),
    # running
    ("T1059.001", r"\bpowershell(?:\.exe)?\b"),
    ("T1059.003", r"\bcmd(?:\.exe)\b|\bcmd /c\b|(?:windows )?batch (?:file|script)s?|command prompt"),
    ("T1059.004", r"\b(?:bash|shell) scripts?\b|(?:into|to|by|through|via|with) (?:bash|/bin/sh|sh)\b"
     r"|/bin/(?:ba)?sh\b|unix shell|reverse shell\b.{0,40}(?:bash|linux|/dev/tcp)"),
    ("T1059.005", r"\bvbscript|\bvbs (?:script|file)|\bvba\b|visual basic|malicious macros?"
     r"|enabl\w+ .{0,15}macros?"),
    ("T1059.006", r"\bpython (?:script|code|payload|backdoor|stealer|malware|interpreter)s?|written in python"),
    ("T1059.007", r"\b(?:javascript|jscript|node\.js) (?:file|code|payload|script|malware|loader|backdoor)s?"),
    ("T1059.002", r"\bapplescript|\bosascript"),
    ("T1047", r"\bwmic?\b|windows management instrumentation"),
    ("T1053.003", r"(?<!kubernetes )\bcron ?(?:tab|job|jobs|entry|entries)?\b"),
    ("T1053.005", r"\bscheduled tasks?\b|\bschtasks(?:\.exe)?\b"),
    ("T1053.007", r"\bkubernetes cronjobs?\b|cronjobs? .{0,40}(?:cluster|namespace)"),
    ("T1204.001", r"(?:click(?:s|ed|ing)?|follow(?:s|ed|ing)?) .{0,20}(?:on )?(?:the |a |this |an? \w+ )?links?\b"
     r"|those who clicked"),
    ("T1204.002", r"(?:victims?|users?|employees?|recipients?|targets?|who|somebody|he|she) .{0,30}(?:open(?:s|ed"
     r"|ing)?|execut\w+|launch\w+|run|ran|double-click\w*) .{0,30}(?:document|attachment|file|archive"
     r"|installer|macro|program)"
     r"|(?:document|attachment|archive|iso|lnk|shortcut) (?:is|was|were|are) (?:opened|executed|launched)"
     r"|upon opening|lur\w+ .{0,30}(?:open|run|execut)\w*"),
    ("T1204.003", r"(?:malicious|backdoored|trojani[sz]ed|poisoned) (?:docker |container )?images?\b"
     r"|images? .{0,50}(?:docker hub|public registry).{0,60}(?:malicious|miner|backdoor|pulled)"
     r"|pushed .{0,60}images|backdoor\w* .{0,30}images?\b|images? .{0,40}(?:imitat|impersonat|typosquat)\w*"
     r"|(?:imitat|impersonat|typosquat)\w* .{0,50}images?\b|images? .{0,40}pulled .{0,20}(?:times|\d)"
     r"|images? .{0,30}(?:starts?|runs?|carr(?:y|ies)|contain\w*) .{0,50}(?:miner|backdoor|reverse shell|xmrig)"),
    ("T1609", r"kubectl exec|docker exec|exec (?:into|api)"
     r"|commands? .{0,30}(?:in|inside|within) (?:other |the |running )?(?:pods?|containers?)|pods/exec"
     r"|exec (?:endpoint|session)s?\b"),
    ("T1610", r"(?:deploy|start|launch|creat|spun|spin|ran|run|schedul)\w* .{0,50}(?:container|containers|daemonset"
     r"|daemonsets|pod|pods)\b"),
    ("T1611", r"(?:escap\w+|break\w*|broke) .{0,30}(?:container|pod|host)|release_agent"
     r"|mount\w* .{0,40}(?:root|file ?system|/) .{0,20}(?:of the )?host|host'?s? (?:root )?file ?system"
     r"|chroot .{0,40}(?:host|mount)|nsenter"),
    ("T1203", r"(?:bug|flaw|vulnerability|exploit)\w* in .{0,40}(?:browser|office|acrobat|reader|word|excel|chrome"
     r"|firefox)"),
    ("T1106", r"\b(?:native|windows|win32) apis?\b|createprocess\w?\b|(?:nt|zw)(?:create|write|alloc)\w+"),
    ("T1569.002", r"\bpsexec\b|service control manager|sc\.exe"),
    ("T1204.004", r"past(?:e|es|ed|ing) (?:a |the |this )?(?:command|line|script)|click-?fix"),
    # staying
    ("T1547.001", r"\brun(?:once)? (?:registry )?keys?\b|currentversion\\+run|startup folder"),
    ("T1543.002", r"\bsystemd (?:unit|service|units|services)\b|\.service\b"),
    ("T1543.005", r"(?:creat|deploy|install|start|plant)\w* .{0,50}daemonsets?\b"
     r"|daemonsets?\b .{0,50}(?:creat|deploy|install|start|run)\w*|restart[- ]policy|restart=always"),
    ("T1543.003", r"(?:creat|install|regist)\w* .{0,40}(?:windows )?service\b(?! account)|as a windows service"),
    ("T1505.003", r"\bweb ?shells?\b"),
    ("T1098.004", r"\bauthorized_keys2?\b|(?:own|add\w*|plant\w*|append\w*|attacker'?s|wr(?:ote"
     r"|ites?)) .{0,20}(?:public |ssh )key\b"),
    ("T1098.006", r"cluster-?role-?bindings?|role-?bindings?\b|\bcluster-admin\b"),
    ("T1098.003", r"attach\w* .{0,60}(?:polic(?:y|ies)|role|administratoraccess)|administratoraccess"
     r"|global administrator"),
    ("T1098.001", r"(?:creat|add|generat)\w* .{0,40}(?:access keys?|api keys?|client secrets?)\b"),
    ("T1136.003", r"\biam users?\b|(?:creat|add)\w* .{0,30}(?:cloud|azure|aws|entra|tenant) .{0,20}(?:user|account)"),
    ("T1546.004", r"\.bashrc|\.bash_profile|\.zshrc|/etc/profile"),
    ("T1547.006", r"(?:load|insert|install)\w* .{0,40}kernel modules?|\binsmod\b|\bmodprobe\b"),
    ("T1548.001", r"\bsetuid\b|\bsuid\b"),
    ("T1548.003", r"/etc/sudoers|nopasswd"),
    ("T1068", r"dirty ?(?:pipe|cow)|pwnkit|(?:exploit|cve-)\S* .{0,60}(?:become|gain|get) root"
     r"|(?:local )?privilege[- ]escalation (?:exploit|vulnerability|flaw)"),
    ("T1136.001", r"(?:creat|add)\w* .{0,30}(?:local|new|backdoor|administrator|admin) (?:user|account"
     r"|administrator)s?\b|\buseradd\b|(?:adds?|added|creat(?:es|ed)) (?:a|an"
     r"|the) (?:hidden )?user\b(?! .{0,40}\biam)"),
    ("T1574.006", r"\bld_preload\b|ld\.so\.preload"),
    ("T1574.001", r"\bdll (?:side-?loading|hijacking|search[- ]order)|side-?load(?:s|ed|ing)?\b"
     r"|loads? (?:the |a )?malicious dll"),
    ("T1525", r"(?:implant|backdoor)\w* .{0,30}(?:internal|private|company) (?:registry|images?)"
     r"|(?:push|upload|implant)\w* .{0,60}images?\b.{0,40}\b(?:to|into|in) (?:the |our |their |its "
     r"|an? )?(?:\w+ )?registr"
     r"|(?:replac|exchang|overwr|swap)\w* .{0,40}(?:base |container |docker )?images?\b"
     r"|(?:push|upload)\w* (?:an? |the )?(?:modified|manipulated|backdoored|poisoned|malicious|own) (?:base )?image\b"),
    ("T1176.001", r"malicious (?:browser|chrome) extensions?"),
    ("T1556.003", r"\bpam[ _](?:module|backdoor|authenticate|hook|unix|librar)\w*|hook\w* .{0,30}\bpam"),
    ("T1556", r"skeleton key"),
    ("T1543.001", r"\blaunch ?agents?\b"),
    ("T1037.004", r"/etc/rc\.local"),
    # hiding
    ("T1014", r"\brootkits?\b|\blkm\b|hid(?:es|den|ing) .{0,30}(?:processes|process and file)"),
    ("T1027.002", r"\bupx\b|\bpack(?:ed|er) (?:with|by)(?! .{0,20}(?:rar|zip|tar)\b)|themida|vmprotect"),
    ("T1027", r"\bobfuscat\w+"),
    ("T1027.009", r"(?:scripts?|payloads?|binary|executable|code|archive|elf|dll) .{0,30}(?:embedded|appended"
     r"|concatenated)"
     r" (?:in|inside|to|within|at)"),
    ("T1027.003", r"steganograph\w*|in (?:its|the) pixels"),
    ("T1620", r"\bmemfd\w*|\bfileless\w*|reflectiv\w+"),
    ("T1140", r"\bde(?:crypt|cod|obfuscat)(?:s|ed|es|ing)\b|base64 -d|configuration is decrypted"),
    ("T1055", r"\bprocess injection|\binject(?:s|ed|ing)? .{0,60}(?:process|memory|\.exe)|createremotethread"),
    ("T1055.012", r"process hollowing|hollow(?:s|ed|ing)"),
    ("T1036.005", r"(?:to|and) blend in|imitat\w+ .{0,40}(?:base |docker |official )?(?:images?|packages?)\b"
     r"|(?:nam(?:ed|es)|calls? itself|disguis\w+|masquerad\w+|pos(?:es|ed|ing)|pass for) .{0,50}(?:svchost"
     r"|system|legitimate|genuine|windows|kworker|component)"),
    ("T1036.004", r"(?:renam|disguis|masquerad)\w* .{0,30}(?:process|service|thread|task)|as a kernel (?:thread"
     r"|worker)"),
    ("T1564.001", r"hidden (?:files?|folders?|director(?:y|ies))"),
    ("T1222.002", r"\bchmod\b|mark(?:s|ed)? .{0,20}executable|makes? .{0,20}executable"),
    ("T1685.006 T1070.002", r"(?:clear|empt|wip|delet|truncat|eras|cut|remov)\w* .{0,60}(?:/var/log|auth\.log|\bwtmp\b"
     r"|\bsyslog\b|access\.log|log ?files?|system logs)|(?:/var/log|auth\.log|log ?files?)\S* .{0,50}"
     r"(?:were|was|is|are) (?:emptied|cleared|wiped|deleted|truncated)"),
    ("T1685.002 T1562.008", r"\bstoplogging\b|\bdeletetrail\b|cloudtrail .{0,40}(?:stop|disabl|delet|turn)\w*"
     r"|(?:stop|disabl|delet|turn)\w* .{0,40}(?:cloudtrail|guardduty|flow logs|cloud (?:audit )?logs?)"),
    ("T1480.002", r"\bmutex\b"),
    ("T1070.004", r"(?:delet|eras|remov)\w+ (?:itself|it after|its own|themselves|the (?:installer|dropper"
     r"|script|payload"
     r"|binary))|self-delet\w+"),
    ("T1070.003", r"(?:clear|delet|wip|remov|unset)\w* .{0,30}(?:bash_history|shell history|command history|histfile)"
     r"|unset histfile"),
    ("T1070.006", r"\btimestomp\w*|(?:alter|chang|modif|forg)\w+ .{0,30}time ?stamps?"),
    ("T1685.005 T1070.001", r"(?:clear|wip|delet|eras)\w* .{0,30}event logs?"
     r"|event logs? .{0,20}(?:cleared|wiped|deleted)|wevtutil"),
    ("T1685 T1562.001", r"(?:disabl|turn|switch|kill|terminat|uninstall|tamper|stopp?)\w* .{0,40}(?:defender|antivirus"
     r"|anti-virus|edr|security (?:tool|product|software|agent|service)s?|selinux|apparmor|aliyun|cloud monitor)"),
    ("T1686 T1562.004", r"(?:disabl|modif|chang|add|flush|turn|stop)\w* .{0,40}(?:firewall|iptables|\bufw\b)"),
    ("T1497.001", r"(?:detect|check|look|search)\w* .{0,60}(?:vmware|virtualbox|virtual machine|sandbox|hypervisor"
     r"|qemu)|anti-(?:vm|sandbox)"),
    ("T1218.011", r"\brundll32(?:\.exe)?\b"),
    ("T1218.010", r"\bregsvr32(?:\.exe)?\b"),
    ("T1218.005", r"\bmshta(?:\.exe)?\b"),
    ("T1112", r"^(?!.*\b(?:images?|containers?|packages?|npm|docker)\b).*(?:modif|writ|chang|keep|stor|sav"
     r"|set)\w* .{0,40}"
     r"\bregistry\b(?! key .{0,20}run)"),
    ("T1553.002", r"\bcode[- ]sign\w+|signed with .{0,40}certificate"),
    ("T1612", r"docker build|build\w* .{0,30}images? on the host"),
    ("T1484.001", r"\bgroup polic(?:y|ies)\b|\bgpos?\b"),
    # secrets
    ("T1003.001", r"\blsass(?:\.exe)?\b|mimikatz"),
    ("T1003.006", r"\bdcsync\b|replicat\w+ .{0,50}(?:password|hash|domain controller)"),
    ("T1003.003", r"\bntds(?:\.dit)?\b"),
    ("T1003.008", r"/etc/shadow"),
    ("T1003.007", r"/proc/\S{0,20}/(?:mem|maps|environ)\b|mimipenguin|memory of (?:the |a )?.{0,40}(?:process"
     r"|worker|runner)"),
    ("T1558.003", r"\bkerberoast\w*"),
    ("T1110.001", r"(?:tr(?:y|ies|ied)|guess\w*) .{0,50}(?:common |weak |default |list of )passwords?"
     r"|weak passwords? .{0,30}guess"),
    ("T1110.003", r"password[- ]spray\w*"),
    ("T1110", r"brute[- ]?forc\w+|weak (?:\w+ )?passwords?"),
    ("T1552.001", r"(?:read|steal|search|collect|harvest|scrap|look)\w* .{0,60}(?:\.aws/credentials|\.npmrc|\.env\b"
     r"|\.git-credentials|config\.json|credentials? (?:in )?files?)|(?:\.aws/credentials|\.docker/config)"
     r"|(?:read|steal|search|collect|harvest|send|upload)\w* .{0,120}(?:\.npmrc|\.pypirc|\.netrc|\.env\b|\.aws/)"),
    ("T1552.004", r"(?:ssh|private) keys? .{0,30}(?:stol|harvest|collect|exfiltrat|copied)"
     r"|(?:steal|harvest|collect)\w* .{0,30}(?:ssh|private) keys|\bid_rsa\b"),
    ("T1552.005", r"instance metadata|metadata (?:service|endpoint|api)|169\.254\.169\.254|\bimds"
     r"|(?:instance|task) role'?s? (?:temporary )?(?:keys|credentials)|temporary (?:keys"
     r"|credentials) of the (?:instance|task)"),
    ("T1552.007", r"docker api .{0,30}(?:secret|credential)|kubernetes secrets|(?:list|read|dump|steal|stole"
     r"|got|extract)\w* .{0,30}"
     r"\bsecrets .{0,20}(?:namespaces?|cluster|kube)"),
    ("T1528", r"service account'?s? (?:tokens?|jwt)|serviceaccount/token|\btokens? (?:that is "
     r"|that was )?mounted|oauth tokens? .{0,30}(?:stol|theft)"
     r"|(?:steal|stole|stolen)\w* .{0,30}(?:access |oauth |github |npm )tokens?"),
    ("T1539", r"(?:session )?cookies? .{0,60}(?:stol|harvest|captur|theft|hijack|taken)\w*"
     r"|(?:steal|stole|takes?|harvest|captur)\w* .{0,60}\bcookies?"),
    ("T1555.003", r"(?:saved|stored|browser) (?:passwords?|credentials|logins?)"
     r"|(?:passwords?|credentials) .{0,40}(?:from|out of|in) .{0,20}(?:browser|chrome|edge|firefox)"),
    ("T1056.001", r"\bkeylog\w*|keystrokes?|logs? (?:every|each|all) (?:key|keys)\b"),
    ("T1557", r"adversary[- ]in[- ]the[- ]middle|man[- ]in[- ]the[- ]middle|\baitm\b"
     r"|reverse proxy .{0,60}(?:victim|between)"),
    ("T1555.001", r"\bkeychains?\b"),
    # looking around
    ("T1046", r"\b(?:masscan|nmap|zmap|zgrab|pnscan|fscan)\b|port[- ]?scan\w*"
     r"|scan(?:s|ned|ning)? .{0,60}\b(?:ports?|networks?|internet|subnets?|hosts|tcp)\b"),
    ("T1082", r"(?:collect|gather|report|enumerat|fingerprint|send|harvest)\w* .{0,80}(?:system information|operating"
     r" system|os version|host ?name|computer name|version of windows|kernel version)"),
    ("T1016", r"\bipconfig\b|\bifconfig\b"
     r"|(?:public|external|own) (?:ip )?address of|(?:ask|quer|learn|look)\w* .{0,60}(?:public|external) (?:ip|address)"
     r"|(?:collect|gather|report|retriev|enumerat)\w* .{0,90}(?:ip address|mac address|network (?:adapter"
     r"|interface|configuration))|mac addresses"),
    ("T1033", r"\bwhoami\b|(?:collect|gather|report|retriev)\w* .{0,60}(?:user ?name)"),
    ("T1057", r"(?:list|enumerat)\w* .{0,20}(?:running )?processes|\btasklist\b"),
    ("T1083", r"(?:list|enumerat|walk|search|crawl)\w* .{0,30}(?:files|folders|director(?:y|ies))\b"),
    ("T1018", r"(?:look|search|scan|enumerat|discover)\w* .{0,30}(?:other|remote) "
     r"(?:hosts|systems|machines|computers)"),
    ("T1087.002", r"net user .{0,20}/domain|(?:list|enumerat)\w* .{0,30}(?:users|accounts) (?:of|in) the domain"
     r"|domain (?:users|accounts) .{0,20}enumerat|adfind|bloodhound"),
    ("T1482", r"\bnltest\b|domain trusts?"),
    ("T1613", r"(?:list|enumerat|discover|quer)\w* .{0,50}(?:pods|containers|namespaces|cluster)\b"),
    ("T1530", r"(?:synchroni[sz]|copi|copy|download|exfiltrat|pull|stole|steal|dump|emptied|read)\w* .{0,80}"
     r"(?:\bs3\b|\bbuckets?\b|blob storage|storage accounts?)"),
    ("T1619", r"(?:list|enumerat)\w* .{0,30}(?:s3 )?buckets?|buckets? (?:was|were) listed"),
    ("T1518.001", r"(?:check|enumerat|look|detect|search)\w* .{0,40}(?:antivirus|security (?:software|product)s?|edr)"),
    # moving
    ("T1021.001", r"\brdp\b|remote desktop"),
    ("T1021.002", r"\bsmb\b|admin\$|windows admin shares?"),
    ("T1021.004", r"(?:spread|mov|log|pivot|connect)\w* .{0,40}\bssh\b|via ssh|over ssh"),
    ("T1570", r"(?:copi|copy|push|transfer)\w* .{0,60}(?:to|across|onto) .{0,30}(?:other (?:hosts|machines|systems"
     r"|servers)|dozens|servers)"),
    ("T1210", r"\beternalblue\b|exploit\w* .{0,40}to (?:spread|move laterally)"),
    ("T1219.002 T1219", r"\b(?:anydesk|teamviewer|screenconnect|atera|splashtop|connectwise|ultraviewer|rustdesk"
     r"|remote utilities)\b"),
    # taking
    ("T1113", r"screen ?(?:shots?|captures?|grabs?)|captures? the screen"),
    ("T1123", r"\bmicrophone|records? (?:audio|sound|talks|conversations)"),
    ("T1125", r"\bweb ?cam"),
    ("T1115", r"\bclipboard"),
    ("T1560", r"(?:compress|archiv|zip)(?:ed|es|s|ing) .{0,40}(?:data|files|everything|documents)"
     r"|as a zip (?:archive|file)"),
    ("T1005", r"(?:collect|steal|harvest|stole|gather|copi)\w* .{0,40}(?:documents?|files) (?:from|of|on)"),
    ("T1114.003", r"(?:inbox|mailbox|forwarding|mail) rules?\b"),
    ("T1560.001", r"\b(?:winrar|rar|7-?zip|7z)\b|password[- ]protected (?:rar|zip|archive)"),
    ("T1074.001", r"staged? (?:the |stolen )?(?:data|files) (?:in|on)"),
    # speaking and carrying off
    ("T1071.001", r"(?:c2|c&c|command[- ]and[- ]control|server|communicat\w*|talk\w*|speak\w*|beacon\w*|sent"
     r"|contact\w*)\b.{0,80}\bhttps?\b(?!:)"),
    ("T1071", r"\birc\b"),
    ("T1071.001", r"(?<![\w-])websockets?\b(?! client)|\bhttps? (?:post|get) requests?"),
    ("T1095", r"\bicmp (?:packet|socket|echo|tunnel)\w*|raw (?:icmp |tcp )?sockets?\b|\bquic\b"),
    ("T1008", r"\bfall(?:s|ing)? back\b|\bfall-?back\b|\bbackup (?:c2|server|domain)s?|(?:when|if"
     r"|should) (?:that|this|the"
     r" (?:first|primary|main)) .{0,30}(?:fail\w*|cannot|not (?:answer|respond)|down)"),
    ("T1071.004", r"(?:over|by|via|through|using|in) dns\b|dns (?:tunnel\w*|txt|quer)|txt records|\btxt quer\w+"
     r"|(?:speaks?|talks?|tunnels?) .{0,20}\bdns\b"),
    ("T1102", r"\b(?:telegram|discord|pastebin|slack)\b.{0,40}(?:c2|bot|channel|command)"),
    ("T1102.001", r"dead[- ]drop|(?:address|addresses|c2|server|configuration)\b .{0,50}(?:from|on"
     r"|in) .{0,20}(?:pastebin|gist"
     r"|github|steam|mastodon)\b"),
    ("T1102.002", r"(?:issues?|gists?|repositor(?:y|ies)|telegram|discord|slack|sheets?|notion|dropbox"
     r"|github)\b.{0,60}\bfor"
     r" (?:new )?(?:commands?|orders|tasks)|commands? .{0,40}(?:github|telegram|discord|slack|notion|dropbox|gist)"),
    ("T1567", r"(?:sent|sends?|upload\w*|exfiltrat\w*|goes) .{0,60}(?:telegram|discord|file[- ]sharing|gofile|anonfiles"
     r"|transfer\.sh|catbox|pastebin)"),
    ("T1567.001", r"(?:exfiltrat|push|upload|commit)\w* .{0,60}(?:github|gitlab|public) (?:repositor\w+|gists?)"),
    ("T1105", r"(?:download|fetch|pull|retriev|drop)\w* .{0,60}(?:payload|second[- ]stage|stage|loader|binary|binaries"
     r"|script|malware|implant|backdoor|additional|tool|miner|it with|build\b|program)|\b(?:wget|curl|certutil"
     r"|bitsadmin)\b"
     r"|(?:was|were|is|are) (?:fetched|downloaded|pulled|loaded|retrieved) (?:again )?(?:\w+ )?from"
     r"|(?:fetch|download)(?:s|es|ed) (?:an? |the |another |its |further )?(?:\w{1,30} ){0,3}(?:from|into)\b"
     r"|downloads?\b.{0,60}\.(?:exe|sh|elf|dll|bin|py|so)\b"),
    ("T1090.003", r"\btor (?:network|nodes?|proxy|hidden|exit)|(?:over|via|through) tor\b|(?:c2|command"
     r"|connect\w*|panel).{0,60}\bonion\b"),
    ("T1572", r"\b(?:ngrok|chisel|cloudflared|frp)\b|tunnel\w* .{0,30}(?:traffic|protocol)"),
    ("T1573.001", r"\b(?:aes|rc4|xor)\b.{0,50}(?:traffic|communicat|c2|channel)"
     r"|(?:traffic|communicat|channel)\w* .{0,50}\b(?:aes|rc4|xor)\b"),
    ("T1132.001", r"\bbase64\b.{0,60}(?:traffic|c2|dns|request|answer|response)"
     r"|(?:c2|dns|request|answer|response)s?\b.{0,90}\bbase64\b"),
    ("T1041", r"(?:exfiltrat|sent|send|upload)\w* .{0,60}(?:same channel|c2|command[- ]and[- ]control|attacker'?s?"
     r" server|their server)"
     r"|\b(?:sends?|posts?|uploads?) (?:it|them|everything|all of it|what it (?:finds|found)|the (?:loot|data"
     r"|results?)) (?:\w+ )?to\b"),
    ("T1567.002", r"\brclone\b|\bmega(?:sync|\.nz)\b|(?:exfiltrat|upload|went|copied)\w* .{0,50}cloud storage"
     r"|(?:dropbox|google drive|onedrive|mega)\b.{0,60}exfiltrat\w*"
     r"|exfiltrat\w* .{0,60}(?:dropbox|google drive|onedrive|mega)\b"),
    ("T1567.004", r"\bwebhooks?\b"),
    ("T1205", r"magic packet|port[- ]knock\w*|waits? for .{0,50}(?:packet|echo request)"),
    ("T1571", r"(?:connect|beacon|communicat|call|listen|reach|talk|report)\w* .{0,80}\bport"
     r" (?!80\b|443\b|53\b|22\b|23\b|25\b|445\b|2375\b|2376\b|3306\b|3389\b|5432\b|6379\b|6443\b|8080\b|10250\b)\d{2,5}"
     r"|(?:over|via) (?:tcp |udp )?port (?!80\b|443\b|53\b|22\b|2375\b|2376\b)\d{3,5}"),
    ("T1048.003", r"(?:exfiltrat|sent|send|leak|carr(?:y|ied))\w* .{0,80}(?:in|via|over|by|through) (?:plain "
     r"|unencrypted )?(?:dns"
     r"|ftp)\b"),
    ("T1090", r"\bsocks ?[45]?\b.{0,20}prox|\bprox(?:y|ies)\b .{0,30}(?:opened|installed|node)|residential prox"),
    ("T1496.002", r"proxyware|(?:sell|sold|rent)\w* .{0,30}bandwidth"),
    # harming
    ("T1486", r"encrypt(?:s|ed|ing|or|ors)? .{0,50}(?:files|data|servers|disk|systems|vms)"
     r"|(?:files?|data|systems|servers) .{0,25}(?:encrypted|locked)|locks? (?:all )?(?:data|files)"
     r"|(?:drop|leav|left|creat|writ|display)\w* .{0,40}ransom note"
     r"|\.locked"),
    ("T1490", r"shadow cop(?:y|ies)|vssadmin|backups? .{0,30}delet|delet\w* .{0,30}backups?|bcdedit"
     r"|(?:remov|delet|wip|destroy)\w* .{0,30}snapshots?"
     r"|snapshots?\b.{0,40}(?:removed|deleted|wiped|destroyed)"),
    ("T1485", r"\bwiper|overwrit\w+ .{0,30}(?:files|documents|data)|destroy\w* .{0,30}(?:data|files)"),
    ("T1561.002", r"master boot record|\bmbr\b|partition table"),
    ("T1489", r"(?:stop|kill|terminat|shut)\w* .{0,30}(?:services|databases?|rival|competing|virtual machines"
     r"|\bvms?\b|processes of)"
     r"|esxcli vm process kill"),
    ("T1529", r"(?:forc|trigger)\w* .{0,20}(?:reboot|shut ?down)|shuts? down the (?:system|machine|host)"),
    ("T1496.001 T1496", r"\bxmrig|crypto ?(?:currency )?-?(?:jack|min)\w*|monero|coin ?min\w*"
     r"|\bmin(?:e|es|ed|ing|er|ers)\b .{0,30}(?:coin|crypto|monero|bitcoin)|\bminers?\b"),
    ("T1498", r"\bd?dos attacks?|ddos|denial[- ]of[- ]service attacks?|flood\w* .{0,30}(?:target|victim|packets)"),
    ("T1491.002", r"defac(?:e|ed|ement|ing)\b"),
    ("T1657", r"extort\w*|(?:stole|steal|drain|swap)\w* .{0,40}(?:cryptocurrency|wallets?|funds|money)"),
    ("T1565.002", r"(?:swap|replac)\w* .{0,60}(?:address(?:es)?|wallets?)\b"),
    # before
    ("T1595.001", r"scan\w* .{0,30}(?:ip (?:ranges?|blocks?)|address ranges?|whole internet)"),
)
# fmt: on
RIVALS = {
    "T1027.002": ("T1560.001", "T1560"),
    "T1027.013": ("T1486", "T1560"),
    "T1221": ("T1190",),
    "T1053.003": ("T1053.007",),
    "T1112": ("T1525", "T1204.003"),
}
"""A technique that reads like others: where one of these is given away it is not told of by likeness."""
"""(ids of a technique, the newest first; what gives it away, in lower case)."""

CUES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (tuple(ids.split()), re.compile(pattern)) for ids, pattern in (*_TABLE, *FURTHER)
)


Cue = tuple[tuple[str, ...], re.Pattern[str]]


def cued(text: str, among: Iterable[Cue] = CUES) -> list[Cue]:
    """Those that a text in lower case gives away: the ids of one technique, newest first, and the words."""
    return [cue for cue in among if cue[1].search(text)]
