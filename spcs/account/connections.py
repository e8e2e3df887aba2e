"""Which account a word means: `local` is the account on this machine, `default` the one that Snowflake's CLI takes when
it is told none, any other an entry of the user's own files.

Those are the files that Snowflake's CLI and connector read, found and combined as they do it: `connections.toml`, else
the `[connections.*]` of `config.toml`, in SNOWFLAKE_HOME or the platform's folder; on top what the environment says in
SNOWFLAKE_CONNECTIONS_<NAME>_<KEY>; and SNOWFLAKE_<KEY> for a key that is still missing. How to log in is said there,
too: key pair, browser, token, OAuth, password with MFA are the connector's affair.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spcs.errors import NotReady, SettingsProblem, did_you_mean

LOCAL = "local"
DEFAULT = "default"
# What the environment may set; SNOWFLAKE_CONNECTIONS_DEV_EU_USER is for `dev_eu`, and no key `eu_user` of `dev`.
_KEYS = frozenset(
    {"account", "user", "password", "passcode", "host", "port", "protocol", "region", "authenticator"}
    | {"role", "secondary_roles", "warehouse", "database", "schema", "token", "token_file_path"}
    | {"private_key_file", "private_key_path", "private_key_raw", "private_key_passphrase", "private_key_file_pwd"}
    | {"oauth_client_id", "oauth_client_secret", "oauth_authorization_url", "oauth_token_request_url", "oauth_scope"}
    | {"oauth_redirect_uri", "oauth_security_features", "oauth_disable_pkce", "oauth_enable_single_use_refresh_tokens"}
    | {"workload_identity_provider", "client_store_temporary_credential", "client_request_mfa_token"}
)
# The CLI's names for what the connector calls otherwise.
_ALIASES = {"private_key_path": "private_key_file", "private_key_passphrase": "private_key_file_pwd"}
PASSPHRASE = "PRIVATE_KEY_PASSPHRASE"
"""Where the CLI looks for a passphrase that the entry does not say."""
MFA = "username_password_mfa"
_SAMPLE = """\
[{name}]
account = "<organization>-<account>"
user = "<your user>"
authenticator = "externalbrowser"     # or: private_key_file = "<path of your key>", authenticator = "SNOWFLAKE_JWT"
"""


def resolve(setting: str, project_root: Path) -> dict[str, Any]:
    """Return the connector's parameters for the setting `connection`.

    Raises SettingsProblem where there is no such entry or a file is not as it must be, and NotReady where the local
    account has never been started.
    """
    if setting == LOCAL:
        return _local(_local_root(project_root))
    setting = _meant(setting)
    files = _entries()
    entry = files.get(setting, {}) | _environment(f"SNOWFLAKE_CONNECTIONS_{setting.upper()}_")
    if setting not in files and "account" not in entry:
        raise _unknown(setting, sorted(files))
    named = {_ALIASES.get(key, key): value for key, value in (_environment("SNOWFLAKE_") | entry).items()}
    return _with_key(_filled(named))


def place(setting: str) -> str:
    """Say where the connection's entry is written, for messages: `[dev] in ~/.snowflake/connections.toml`."""
    if setting == LOCAL:
        return "the credentials of the local account"
    return f"[{_section(_meant(setting))}] in {_shown(_file())}"


def home() -> Path:
    """Return Snowflake's configuration folder: SNOWFLAKE_HOME or ~/.snowflake if it exists, else the platform's own."""
    chosen = Path(os.environ.get("SNOWFLAKE_HOME", "~/.snowflake")).expanduser()
    if chosen.is_dir():
        return chosen
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "snowflake"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "snowflake"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "snowflake"


def _meant(setting: str) -> str:
    """The entry that a setting names: for `default` the one that the CLI would take."""
    if setting != DEFAULT:
        return setting
    config = home() / "config.toml"
    chosen = _content(config).get("default_connection_name") if config.exists() else None
    return os.environ.get("SNOWFLAKE_DEFAULT_CONNECTION_NAME") or str(chosen or DEFAULT)


def _local_root(project_root: Path) -> Path:
    return Path(os.environ.get("SPCS_LOCAL_ROOT") or project_root / ".local")


def _local(root: Path) -> dict[str, Any]:
    try:
        server = json.loads((root / "server.json").read_text())
        credentials = json.loads((root / "credentials").read_text())
        found = {key: server[key] for key in ("host", "port")} | {key: credentials[key] for key in ("user", "password")}
    except FileNotFoundError as error:
        raise NotReady("the local account is not running", fix="inv local.up") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NotReady(
            "the local account's files cannot be read", f"{root}: {error}", "inv local.down local.up"
        ) from error
    return {"account": LOCAL, "protocol": "http", **found}


def _file() -> Path:
    connections = home() / "connections.toml"
    config = home() / "config.toml"
    return config if config.exists() and not connections.exists() else connections


def _entries() -> dict[str, dict[str, Any]]:
    file = _file()
    if not file.exists():
        return {}
    content = _content(file)
    section = content.get("connections", {}) if file.name == "config.toml" else content
    # The CLI writes connections.toml with or without the `connections.` in front.
    if file.name == "connections.toml" and isinstance(content.get("connections"), dict):
        section = content["connections"] | {key: each for key, each in content.items() if key != "connections"}
    return {name: dict(entry) for name, entry in section.items() if isinstance(entry, dict)}


def _content(file: Path) -> dict[str, Any]:
    import tomllib  # here, because `local` needs none

    _check_mode(file)
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsProblem(f"{_shown(file)} is not valid TOML", str(error), "mend that file") from error


def _check_mode(file: Path) -> None:
    if sys.platform == "win32":
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise SettingsProblem(
            f"{_shown(file)} can be read or changed by others (mode {mode:04o})",
            "it may hold passwords; Snowflake's tools refuse it too",
            f'chmod 0600 "{file}"',
        )


def _environment(prefix: str) -> dict[str, Any]:
    said = {name.removeprefix(prefix).lower(): value for name, value in os.environ.items() if name.startswith(prefix)}
    return {key: _typed(key, value) for key, value in said.items() if key in _KEYS}


def _typed(key: str, value: str) -> str | int | bool:
    if key == "port" and value.isdigit():
        return int(value)
    return value.lower() == "true" if value.lower() in ("true", "false") else value


def _filled(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the CLI adds by itself: the passphrase of a key from the environment, and that the answer to an MFA prompt
    is remembered, so that not every command asks for one."""
    filled = dict(parameters)
    if {"private_key_file", "private_key_raw"} & {*filled} and os.environ.get(PASSPHRASE):
        filled.setdefault("private_key_file_pwd", os.environ[PASSPHRASE])
    if str(filled.get("authenticator", "")).lower() == MFA:
        filled.setdefault("client_request_mfa_token", True)
    return filled


def _with_key(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The connector takes no `private_key_raw`, but the bare base64 of an unencrypted PEM key as `private_key`."""
    raw = str(parameters.get("private_key_raw", ""))
    if not raw:
        return {key: value for key, value in parameters.items() if key != "private_key_raw"}
    own = ("private_key_raw", "private_key_file_pwd")
    rest = {key: value for key, value in parameters.items() if key not in own}
    if "ENCRYPTED" in raw:
        return rest | {"private_key": _decrypted(raw, str(parameters.get("private_key_file_pwd", "")))}
    return rest | {"private_key": "".join(line.strip() for line in raw.splitlines() if "-----" not in line)}


def check_key(parameters: Mapping[str, Any]) -> None:
    """Raise SettingsProblem if a connection's key file cannot be used: the connector does not say why it fails."""
    file = str(parameters.get("private_key_file", ""))
    if not file:
        return
    try:
        pem = Path(file).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsProblem(f"the key {file} cannot be read", str(error), "mend private_key_file") from None
    _decrypted(pem, str(parameters.get("private_key_file_pwd", "")), file)


def _decrypted(pem: str, passphrase: str, where: str = "in private_key_raw") -> bytes:
    """A PEM key as bare bytes; raises SettingsProblem for another passphrase."""
    from cryptography.hazmat.primitives import serialization as forms  # the connector brings it

    try:
        key = forms.load_pem_private_key(pem.encode(), passphrase.encode() or None)
    except (ValueError, TypeError) as error:
        fix = f"export {PASSPHRASE}=…, or put private_key_passphrase into the connection's entry"
        raise SettingsProblem(f"the key {where} cannot be decrypted", str(error), fix) from None
    return key.private_bytes(forms.Encoding.DER, forms.PrivateFormat.PKCS8, forms.NoEncryption())


def _unknown(setting: str, known: list[str]) -> SettingsProblem:
    file = _file()
    names = f"names {', '.join(known)}" if known else "names none" if file.exists() else "is not there yet"
    guess = did_you_mean(setting, [*known, LOCAL])
    others = f"set connection: local, or write this into {_shown(file)} (chmod 0600):\n"
    return SettingsProblem(
        f"there is no connection {setting!r}",
        f"connections are read from {_shown(file)}, which {names}",
        (f"{guess}\nelse " if guess else "") + others + _SAMPLE.format(name=_section(setting)),
    )


def _section(name: str) -> str:
    bare = name.replace("_", "a").replace("-", "a")
    text = name if bare.isascii() and bare.isalnum() else json.dumps(name)
    return f"connections.{text}" if _file().name == "config.toml" else text


def _shown(file: Path) -> str:
    return f"~/{file.relative_to(Path.home())}" if file.is_relative_to(Path.home()) else str(file)
