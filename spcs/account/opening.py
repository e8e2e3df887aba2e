"""Why the connector does not even open a connection: what is wrong with the entry, before anything is sent."""

from __future__ import annotations

from spcs.errors import Known, Problem, SettingsProblem, meaning

#: What it says; `place` is where the entry is written. The first that fits counts.
OPENING = (
    Known(
        (
            "Private key is encrypted but no passphrase was provided",
            "Password was not given but private key is encrypted",
            "could not decrypt key",
        ),
        "its private key is locked by a passphrase, which is missing or wrong",
        "write private_key_file_pwd into {place}, or set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE in the environment",
    ),
    Known(
        ("'CredWrite', 'The stub received bad data'",),
        "Windows keeps no login as long as this token",
        "set client_store_temporary_credential = false in {place}, or log in with a key pair",
    ),
)


def not_opened(error: Exception | str, connection: str, place: str) -> SettingsProblem | None:
    """Say what is wrong with the entry of `connection`; None for an error that is about something else.

    Version 4 opens key and token files itself, and what it then raises is not its own.
    """
    if isinstance(error, Problem):
        return None
    if isinstance(error, OSError):
        return SettingsProblem(f"a file of connection {connection!r} cannot be read", str(error), f"mend {place}")
    found = meaning(OPENING, str(error), place=place)
    what = f"the connection {connection!r} cannot be opened"
    return SettingsProblem(f"{what}: {found.means}", str(error), found.fix) if found else None
