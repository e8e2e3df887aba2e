"""Statements that only look: SHOW of what a run needs, as pure functions. LIKE takes `_` for any character, so compare
`name` in the rows; what the role may not see is no row and no error."""

from __future__ import annotations

from spcs.account.quoting import identifier, literal, qualified


def show_roles(name: str) -> str:
    return f"SHOW ROLES LIKE {literal(name)}"


def show_databases(name: str) -> str:
    return f"SHOW DATABASES LIKE {literal(name)}"


def show_warehouses(name: str) -> str:
    return f"SHOW WAREHOUSES LIKE {literal(name)}"


def show_schemas(name: str, database: str) -> str:
    return f"SHOW SCHEMAS LIKE {literal(name)} IN DATABASE {identifier(database)}"


def show_all_schemas(database: str) -> str:
    return f"SHOW SCHEMAS IN DATABASE {identifier(database)}"


def show_all(kinds: str, schema: str) -> str:
    """All objects of a kind (`STAGES`, `FILE FORMATS`) in a schema."""
    return f"SHOW {kinds} IN SCHEMA {qualified(schema)}"


def show_services_of_pool(pool: str) -> str:
    """Services and jobs, whatever schema they are in."""
    return f"SHOW SERVICES IN COMPUTE POOL {identifier(pool)}"


def show_stages(name: str, schema: str) -> str:
    return f"SHOW STAGES LIKE {literal(name)} IN SCHEMA {qualified(schema)}"


def show_secrets(name: str, schema: str) -> str:
    return f"SHOW SECRETS LIKE {literal(name)} IN SCHEMA {qualified(schema)}"


def show_integrations(name: str) -> str:
    return f"SHOW INTEGRATIONS LIKE {literal(name)}"


def show_network_rules(name: str, schema: str) -> str:
    return f"SHOW NETWORK RULES LIKE {literal(name)} IN SCHEMA {qualified(schema)}"


def describe_network_rule(name: str) -> str:
    """One row; `value_list` are the hosts, parted by commas. Only the owner may ask."""
    return f"DESCRIBE NETWORK RULE {qualified(name)}"


def describe_integration(name: str) -> str:
    """A row for each property."""
    return f"DESCRIBE INTEGRATION {identifier(name)}"


def show_grants_to_role(role: str) -> str:
    return f"SHOW GRANTS TO ROLE {identifier(role)}"


def show_instance_families(name: str) -> str:
    return f"SHOW COMPUTE POOL INSTANCE FAMILIES LIKE {literal(name)}"
