"""Knows values that mean nothing by themselves: services everybody uses, addresses nobody owns, files every "
"system has."""

import ipaddress
import re

from tidewaiter.intel.names import INTERNAL, SPECIAL, company_name
from tidewaiter.intel.wordlist import word_set

_SOFTWARE = (
    "github.com githubusercontent.com githubassets.com gitlab.com bitbucket.org sourceforge.net gitee.com "
    "codeberg.org npmjs.com npmjs.org"
    " pypi.org pythonhosted.org python.org rubygems.org crates.io rust-lang.org golang.org go.dev pkg.go.dev "
    "packagist.org nuget.org"
    " maven.org apache.org docker.com docker.io quay.io ghcr.io gcr.io k8s.io kubernetes.io ecr.aws "
    "mcr.microsoft.com opencontainers.org"
    " containerd.io cncf.io linuxfoundation.org helm.sh artifacthub.io nodejs.org debian.org ubuntu.com "
    "canonical.com redhat.com"
    " fedoraproject.org centos.org alpinelinux.org archlinux.org kernel.org gnu.org mozilla.org mozilla.com "
    "wikipedia.org wikimedia.org"
    " stackoverflow.com stackexchange.com readthedocs.io readthedocs.org w3.org ietf.org rfc-editor.org iana.org "
    "icann.org ieee.org"
    " json.org json-schema.org schema.org xml.org openssl.org openssh.com nginx.org nginx.com mysql.com "
    "postgresql.org mongodb.com"
    " redis.io elastic.co grafana.com prometheus.io jenkins.io wordpress.org wordpress.com drupal.org joomla.org "
    "php.net java.com"
    " oracle.com openjdk.org jetbrains.com visualstudio.com vscode.dev eclipse.org letsencrypt.org digicert.com "
    "sectigo.com verisign.com"
    " openai.com huggingface.co anthropic.com arxiv.org acm.org usenix.org springer.com sciencedirect.com "
    "jsdelivr.net unpkg.com cdnjs.com"
    " jquery.com bootstrapcdn.com"
)
_COMPANIES = (
    "google.com googleapis.com gstatic.com googleusercontent.com googleblog.com goo.gl g.co youtube.com youtu.be "
    "android.com chromium.org"
    " withgoogle.com googlesyndication.com google-analytics.com googletagmanager.com doubleclick.net "
    "microsoft.com microsoftonline.com"
    " live.com outlook.com office.com office365.com windows.com windowsupdate.com windows.net msn.com bing.com "
    "azure.com azureedge.net"
    " msftconnecttest.com msftncsi.com aka.ms linkedin.com skype.com sharepoint.com apple.com icloud.com "
    "amazon.com aws.amazon.com"
    " amazonaws.com amazontrust.com cloudflare.com cloudflare-dns.com akamai.com akamai.net akamaized.net "
    "fastly.com fastly.net facebook.com"
    " fb.com instagram.com whatsapp.com meta.com twitter.com x.com t.co reddit.com medium.com tumblr.com "
    "pinterest.com tiktok.com"
    " slack.com zoom.us zoom.com discord.com discordapp.com telegram.org t.me yahoo.com yandex.ru yandex.com "
    "mail.ru vk.com baidu.com qq.com"
    " weibo.com alibaba.com aliyun.com tencent.com dropbox.com box.com adobe.com salesforce.com cisco.com "
    "ibm.com intel.com amd.com"
    " nvidia.com dell.com hp.com lenovo.com vmware.com citrix.com f5.com fortinet.com ivanti.com atlassian.com "
    "atlassian.net trello.com"
    " netflix.com spotify.com paypal.com stripe.com ebay.com gmail.com hotmail.com protonmail.com proton.me "
    "tutanota.com aol.com gmx.de"
    " binance.com coinbase.com blockchain.com blockchain.info etherscan.io bitcoin.org ethereum.org "
    "getmonero.org digitalocean.com"
    " linode.com ovh.com hetzner.com godaddy.com namecheap.com heroku.com vercel.com netlify.com quad9.net "
    "opendns.com substack.com"
    " wired.com zdnet.com bbc.com bbc.co.uk cnn.com nytimes.com reuters.com theguardian.com washingtonpost.com "
    "forbes.com techcrunch.com"
    " arstechnica.com theverge.com"
)
_SECURITY = (
    "virustotal.com any.run hybrid-analysis.com joesandbox.com tria.ge urlscan.io shodan.io censys.io censys.com "
    "abuse.ch"
    " malwarebazaar.abuse.ch urlhaus.abuse.ch threatfox.abuse.ch abuseipdb.com greynoise.io alienvault.com "
    "misp-project.org"
    " mitre.org nist.gov cisa.gov us-cert.gov fbi.gov ic3.gov nsa.gov justice.gov treasury.gov europa.eu "
    "ncsc.gov.uk bsi.bund.de"
    " cert.gov.ua cert.pl cyber.gov.au cyber.gc.ca jpcert.or.jp ssi.gouv.fr first.org cve.org owasp.org sans.org "
    "sans.edu"
    " exploit-db.com packetstormsecurity.com zerodayinitiative.com attackerkb.com vulners.com cvedetails.com "
    "snyk.io aquasec.com sysdig.com"
    " falco.org wiz.io orca.security lacework.com crowdstrike.com mandiant.com fireeye.com paloaltonetworks.com "
    "unit42.paloaltonetworks.com"
    " kaspersky.com securelist.com eset.com welivesecurity.com trendmicro.com symantec.com broadcom.com "
    "sophos.com mcafee.com trellix.com"
    " bitdefender.com malwarebytes.com sentinelone.com sentinellabs.com checkpoint.com talosintelligence.com "
    "talosintel.com zscaler.com"
    " proofpoint.com recordedfuture.com rapid7.com tenable.com qualys.com secureworks.com cybereason.com "
    "group-ib.com intezer.com"
    " volexity.com huntress.com redcanary.com elastic.co splunk.com datadoghq.com jfrog.com sonatype.com "
    "checkmarx.com phylum.io"
    " socket.dev reversinglabs.com cadosecurity.com akamai.com imperva.com netlab.360.com qianxin.com ahnlab.com "
    "avast.com avast.io"
    " avg.com f-secure.com withsecure.com gdata.de dragos.com claroty.com domaintools.com riskiq.com "
    "team-cymru.com spamhaus.org"
    " bleepingcomputer.com thehackernews.com securityweek.com darkreading.com krebsonsecurity.com "
    "therecord.media cyberscoop.com"
    " threatpost.com theregister.com helpnetsecurity.com infosecurity-magazine.com cyble.com uptycs.com "
    "deepinstinct.com morphisec.com"
    " yoroi.company cluster25.io sekoia.io harfanglab.io nccgroup.com pwc.com deloitte.com accenture.com "
    "cybleinc.com threatbook.cn shadowserver.org lumen.com sansec.io stepsecurity.io endorlabs.com semgrep.dev osv.dev "
    "openssf.org sigstore.dev anchore.com chainguard.dev trivy.dev cilium.io vulncheck.com horizon3.ai watchtowr.com "
    "trailofbits.com bishopfox.com wordfence.com sucuri.net patchstack.com netskope.com fortiguard.com hackerone.com "
    "bugcrowd.com zimperium.com lookout.com threatfabric.com cleafy.com intel471.com flashpoint.io arcticwolf.com "
    "esentire.com expel.com pypistats.org libraries.io"
)
_RESOLVERS = word_set(
    "8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 114.114.114.114 223.5.5.5"
    " 4.2.2.2 4.2.2.1"
)
_ABUSED = (
    "pastebin.com paste.ee hastebin.com ghostbin.co rentry.co controlc.com termbin.com ix.io sprunge.us "
    "transfer.sh file.io gofile.io"
    " anonfiles.com mega.nz mega.io mediafire.com 4shared.com sendspace.com wetransfer.com catbox.moe "
    "litterbox.catbox.moe temp.sh"
    " bashupload.com oshi.at bit.ly tinyurl.com is.gd cutt.ly rb.gy ipinfo.io ipify.org ifconfig.me "
    "icanhazip.com ip-api.com"
    " checkip.amazonaws.com checkip.dyndns.org whatismyip.com myexternalip.com api.ipify.org webhook.site "
    "requestbin.net pipedream.net"
    " ngrok.com interact.sh oast.fun"
)
SERVICES = word_set(f"{_SOFTWARE} {_COMPANIES} {_SECURITY}")
"""What somebody registered and everybody uses: never an indicator by itself."""
ABUSED = word_set(_ABUSED)
"""Services for pasting, sharing, shortening and asking for one's own address: attackers use them as well."""
CARRIERS = word_set(
    "github.com githubusercontent.com gitlab.com bitbucket.org discord.com discordapp.com dropbox.com "
    "dropboxusercontent.com google.com"
    " googleapis.com googleusercontent.com telegram.org t.me amazonaws.com windows.net onedrive.live.com "
    "live.com sharepoint.com docker.com"
    " npmjs.org npmjs.com pythonhosted.org pypi.org sourceforge.net slack.com medium.com twitter.com x.com "
    "youtube.com yandex.ru"
    " mail.ru steamcommunity.com tumblr.com wordpress.com gitee.com huggingface.co jsdelivr.net"
)
"""Services on which anybody may put a page or a file: a URL there may be an indicator, the host is none."""
_EVERYWHERE = word_set(
    "cmd.exe powershell.exe pwsh.exe explorer.exe svchost.exe rundll32.exe regsvr32.exe mshta.exe wscript.exe "
    "cscript.exe certutil.exe"
    " bitsadmin.exe schtasks.exe tasklist.exe taskkill.exe net.exe net1.exe whoami.exe ipconfig.exe "
    "systeminfo.exe nltest.exe ping.exe"
    " reg.exe wmic.exe sc.exe msiexec.exe lsass.exe services.exe w3wp.exe winlogon.exe csrss.exe conhost.exe "
    "notepad.exe calc.exe winword.exe"
    " excel.exe outlook.exe powerpnt.exe chrome.exe firefox.exe msedge.exe iexplore.exe vssadmin.exe "
    "wevtutil.exe bcdedit.exe msbuild.exe"
    " installutil.exe regasm.exe regsvcs.exe cmstp.exe control.exe curl.exe tar.exe ssh.exe kernel32.dll "
    "ntdll.dll user32.dll"
    " advapi32.dll shell32.dll ws2_32.dll wininet.dll winhttp.dll amsi.dll crypt32.dll comsvcs.dll mscoree.dll "
    "libc.so libc.so.6"
    " ld-linux.so libpam.so libcurl.so node.js next.js vue.js express.js react.js three.js d3.js index.html "
    "setup.py setup.cfg __init__.py manage.py package.json package-lock.json yarn.lock tsconfig.json composer.json "
    "pyproject.toml requirements.txt"
    " readme.md readme.txt license.txt license.md changelog.md "
    "config.yaml config.yml"
    " config.toml settings.json manifest.json index.json layer.tar oci-layout "
    "docker-compose.yml docker-compose.yaml"
    " compose.yaml dockerfile makefile gemfile.lock cargo.toml cargo.lock "
    "go.mod go.sum pom.xml"
    " build.gradle web.config wp-config.php robots.txt favicon.ico values.yaml chart.yaml deployment.yaml "
    "pod.yaml daemonset.yaml"
    " kubeconfig.yaml daemon.json credentials.json authorized_keys known_hosts id_rsa id_rsa.pub .env .bashrc "
    ".profile .bash_history"
    " .npmrc .pypirc .gitconfig docker.sock containerd.sock system.net asp.net vb.net "
    "libprocesshider.so ntds.dit sam.log"
) - {"libprocesshider.so", "sam.log"}
_COMMON = word_set(
    "index.js main.js app.js server.js index.php main.py app.py config.json "
    "config.sh settings.py entrypoint.sh docker-entrypoint.sh main.go main.c test.py test.sh install.sh "
    "build.sh run.sh start.sh init.sh"
)
_SYSTEM_PATH = re.compile(
    r"(?:/etc/(?:passwd|shadow|group|hosts|hostname|resolv\.conf|crontab|sudoers|profile|environment|os-release|"
    r"fstab|motd|issue|nsswitch\.conf"
    r"|ld\.so\.(?:preload|cache|conf)|rc\.local|ssh/sshd?_config|docker/daemon\.json|kubernetes(?:/(?:pki|"
    r"manifests|admin\.conf))?|containerd/config\.toml"
    r"|cron\.(?:d|daily|hourly|weekly|monthly)|systemd/system|init\.d|apt/sources\.list|nginx/nginx\.conf|"
    r"localtime|mtab|inittab|bash\.bashrc|pam\.d(?:/\w+)?)"
    r"|/(?:usr/(?:local/)?)?s?bin/(?:sh|bash|dash|ash|zsh|env|cat|ls|ps|cp|mv|rm|ln|id|su|sudo|mount|chmod|chown|"
    r"chattr|curl|wget|nc|ncat|python[0-9.]*|perl|ruby|php|node"
    r"|ssh|sshd|systemctl|service|crontab|iptables|docker\w*|containerd\w*|runc|kubectl|kubelet|top|htop|netstat|"
    r"ss|find|grep|awk|sed|tar|gzip|base64|xxd|true|false|"
    r"nsenter|unshare|chroot|login|init|apt(?:-get)?|yum|dnf|apk|pkill|kill|killall|pgrep|useradd|passwd|openssl|"
    r"gcc|make|git|npm|pip[0-9.]*|osascript|launchctl|security|open|plutil|defaults)"
    r"|/dev/(?:null|zero|u?random|tcp(?:/.*)?|udp(?:/.*)?|shm|pts(?:/\d+)?|tty\w*|stdin|stdout|stderr|fd(?:/\d+)?|"
    r"mem|kmem|sd[a-z]\d?|fuse)"
    r"|/proc(?:/(?:self|sys|net|\d+|\[?pid\]?|1|cpuinfo|meminfo|mounts|version|kallsyms|modules|cgroups?|"
    r"filesystems|uptime|loadavg|cmdline)(?:/.*)?)?|/sys(?:/.*)?"
    r"|/(?:var/)?run/(?:docker|containerd(?:/containerd)?|crio/crio|podman/podman)\.sock|/(?:var/)?run/secrets/.*"
    r"|/var/(?:log|tmp|lib|www|run|spool|cache|www/html)(?:/(?:docker|containerd|kubelet|containers|overlay2|"
    r"auth\.log|syslog|messages|wtmp|btmp|lastlog|secure|cron|"
    r"cron/crontabs|nginx|apache2|audit/audit\.log|journal|mysql|postgresql|apt|dpkg)(?:/[a-z0-9._-]*)?)?"
    r"|/(?:root|home/\w+)/\.(?:ssh(?:/(?:authorized_keys|known_hosts|config|id_\w+(?:\.pub)?))?|bash(?:rc|"
    r"_history|_profile)|profile|aws(?:/credentials|/config)?|docker/config\.json|kube/config|npmrc|"
    r"git-credentials|gnupg)"
    r"|/(?:usr|lib|lib64|bin|sbin|opt|home|root|tmp|boot|mnt|srv|dev|var|etc|data|app|host)(?:/(?:lib|local|share|"
    r"bin|sbin|src|include|lib64|local/bin|local/lib|local/sbin|share/doc|src/app|lib/systemd/system))?/?"
    r"|~/\.(?:ssh|aws|kube|docker|bashrc|profile|bash_history|zshrc|config|npmrc|gnupg|netrc|git-credentials|"
    r"ssh/\w+|aws/\w+|kube/config|docker/config\.json))/?\Z"
)
_SYSTEM_WINDOWS = re.compile(
    r"(?:C:|%(?:SystemRoot|windir|SystemDrive)%)\\(?:(?:Windows\\)?(?:System32|SysWOW64)(?:\\[\w.-]{1,60}\.(?:exe|"
    r"dll|sys))?|Windows(?:\\explorer\.exe)?|Program Files(?: \(x86\))?|Users|"
    r"Temp|ProgramData|Windows\\Temp|Users\\Public)\\?\Z",
    re.IGNORECASE,
)


def address_note(value: str) -> tuple[str, bool] | None:
    """What is known of an address, and whether that is the last word; None of an address like any other.

    Ranges for documentation are not the last word: articles that invent addresses take them from there.
    """
    if value in _RESOLVERS:
        return "a public resolver that everybody uses", False
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    if any(address in network for network in _DOCUMENTATION if network.version == address.version):
        return "of a range kept for documentation", False
    if value in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"):
        return "the metadata service of a cloud, the same for everybody", True
    if address.is_loopback or address.is_unspecified:
        return "the machine itself", True
    if address.is_multicast or address.is_link_local:
        return "a link-local or multicast address", True
    if address.is_reserved or value.startswith(("0.", "255.")):
        return "of a reserved range, which nobody can own", True
    if not address.is_global:
        return "a private address, which is everybody's", True
    return None


_DOCUMENTATION = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)


def name_note(name: str) -> tuple[str, bool] | None:
    """What is known of a host name, and whether that is the last word; None of a name like any other."""
    labels = name.split(".")
    company = company_name(name) or name
    if labels[-1] in INTERNAL:
        return "a name inside a private network", True
    if company in ("example.com", "example.org", "example.net", "example.edu") or labels[-1] in SPECIAL - {"onion"}:
        return "a name kept for documentation", False
    if company in ABUSED or name in ABUSED:
        return "a public service, which attackers use as well", False
    if company in SERVICES and not _is_tenant(name, company):
        return f"{company} is a well-known service", True
    return None


_TENANT_HOSTS = (
    "amazonaws.com",
    "windows.net",
    "azureedge.net",
    "wordpress.com",
    "tumblr.com",
    "sharepoint.com",
    "substack.com",
    "mail.ru",
)
_OWN_HOSTS = re.compile(r"\A(?:www|s3|ec2|api|blog|en|docs|cdn|login|checkip|s3[.-][a-z0-9-]+|sts|e|cloud)\Z")


def _is_tenant(name: str, company: str) -> bool:
    """Whether a name below a service's own belongs to one of its customers."""
    head = name.removesuffix(company).rstrip(".")
    return company in _TENANT_HOSTS and bool(head) and _OWN_HOSTS.match(head) is None


def carries_anything(name: str) -> bool:
    """Whether anybody may put something on this host, so that a URL there may be hostile although the host is not."""
    company = company_name(name) or name
    return company in CARRIERS or company in ABUSED or name in ABUSED


def is_everywhere(path: str) -> bool:
    """Whether every system or every project has a file of that name."""
    if _SYSTEM_PATH.match(path) or _SYSTEM_WINDOWS.match(path):
        return True
    return "/" not in path and "\\" not in path and path.lower() in _EVERYWHERE


def is_common_name(path: str) -> bool:
    """Whether many projects have a file of that name, so that the name alone finds nothing."""
    return path.lower() in _COMMON
