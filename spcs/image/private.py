"""Files that hold secrets, told by what they are called and by what is in them: none enters an image unasked."""

from __future__ import annotations

import re
from fnmatch import fnmatch

NAMES = (
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.p8", "*.p12", "*.pfx", "*.ppk", "*.key", "*.keystore"),
    *("credentials", "credentials.json", "credentials.toml", "credentials.y*ml", "client_secret*.json"),
    *("*service[-_]account*.json", "connections.toml", "secrets.toml", "secrets.json", "secrets.y*ml"),
    *("kubeconfig", "htpasswd", "snowsql.cnf", "pgpass", "netrc"),
)
"""Names in lower case. Those that begin with a dot need no mention: a hidden file is never taken."""
MOST = 1 << 20
"""Keys are short: what is longer is not searched."""
_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:\\[rn]|\s)+(?:[\w-]+: [^\n]*\n|\s)*[A-Za-z0-9+/=]{40}")


def why_private(name: str, content: bytes) -> str:
    """Why a file that is called `name` looks like a secret; empty if it does not."""
    if any(fnmatch(name.lower(), pattern) for pattern in NAMES):
        return "files of that name hold keys or logins"
    return "there is a private key in it" if len(content) <= MOST and _KEY.search(content) else ""
