"""Tells from a URL at a public service whether it leads to something that anybody may have put there.

The host is everybody's and says nothing. A page (`github.com/OWNER/REPO`, a channel) is mostly cited; a raw file, a
paste, an attachment or the address of a bot is mostly used.
"""

import re

_CONTENT = re.compile(
    r"\A(?:[a-z]{2,6}://)?(?:"
    r"raw\.githubusercontent\.com/|gist\.githubusercontent\.com/|gist\.github\.com/[^/]+/[^/]|"
    r"github\.com/[^/]+/[^/]+/(?:raw|releases/download|archive)/|api\.github\.com/(?:repos|gists)/|"
    r"gitlab\.com/.{1,200}/raw/|bitbucket\.org/[^/]+/[^/]+/(?:raw|downloads)/|"
    r"(?:cdn|media)\.discordapp\.(?:com|net)/attachments/|"
    r"(?:pastebin\.com|paste\.ee|hastebin\.com|ghostbin\.co|rentry\.co|controlc\.com|termbin\.com|ix\.io|sprunge\.us)/"
    r"(?!docs?(?:_|\b)|api\b|faq|u/)[\w/]{3,}|"
    r"(?:transfer\.sh|file\.io|gofile\.io|temp\.sh|oshi\.at|bashupload\.com|(?:files\.|litterbox\.)?catbox\.moe|"
    r"anonfiles\.com|sendspace\.com|mediafire\.com|4shared\.com|wetransfer\.com|mega\.nz|mega\.io)/\S{3,}|"
    r"(?:bit\.ly|tinyurl\.com|is\.gd|cutt\.ly|rb\.gy)/\w{3,}|"
    r"drive\.google\.com/(?:uc|file|open)|docs\.google\.com/(?:uc|document|spreadsheets|forms)\b|"
    r"storage\.googleapis\.com/[^/]+/|script\.google\.com/macros/|"
    r"(?:www\.)?dropbox\.com/(?:s|scl|sh)/|dl\.dropboxusercontent\.com/|content\.dropboxapi\.com/|"
    r"(?:onedrive\.live\.com|1drv\.ms)/\S|s3[.-][a-z0-9.-]*amazonaws\.com/[^/]+/|[a-z0-9.-]+\.s3[.-][a-z0-9.-]*amazonaws\.com/|"
    r"files\.pythonhosted\.org/packages/|registry\.npmjs\.org/.{1,200}\.tgz|"
    r"(?:webhook\.site|requestbin\.net)/\S{3,}"
    r")",
    re.IGNORECASE,
)
_INBOX = re.compile(
    r"\A(?:[a-z]{2,6}://)?(?:api\.telegram\.org/bot\d|(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/|"
    r"hooks\.slack\.com/services/)",
    re.IGNORECASE,
)


def is_content(url: str) -> bool:
    """Whether a URL leads to a file or a paste of somebody's, or hands something to somebody's bot."""
    return _CONTENT.match(url) is not None or is_inbox(url)


def is_inbox(url: str) -> bool:
    """Whether what is sent to a URL goes to one bot or one channel."""
    return _INBOX.match(url) is not None
