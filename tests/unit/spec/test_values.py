"""Values that Snowflake would refuse: each is shown, with its path and the rule it breaks."""

from __future__ import annotations

import pytest

from spcs.spec import SpecError, parse

HEAD = "spec:\n  containers:\n  - name: main\n    image: /d/s/r/i:1\n"
NAME_RULE = "It must be lower-case letters, digits and '-', start with a letter and end with a letter or digit."
UNIT_RULE = "A unit is required: M, Mi, G or Gi, as in 10Gi."
PATH_RULE = "It must be an absolute path without '..', as in /opt/data."
TOKEN_PATH_RULE = "It must be a normalised absolute path of letters, digits, '/', '_', '.' and '-'."
MODE_RULE = "It must be four octal digits that let the owner read and give no more than 0644."
ORIGIN_RULE = "It must be a URL without a path and without '*', as in https://example.com."
AMOUNT_RULE = "It must be a number followed by a unit: M, Mi, G or Gi, as in 10Gi."
BLOCK_SIZE_RULE = "The size of a block volume must be an integer with the unit Gi, as in 10Gi."
STAGE_RULE = 'It must name a stage or a directory of one, as in "@db.schema.stage/dir".'


def expect(text: str, path: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert (caught.value.message, caught.value.path) == (f"Invalid spec: {problem}", path)


@pytest.mark.parametrize(
    ("option", "path", "value", "rule"),
    [
        ("command: python x.py", "command", "python x.py", "A list is required."),
        ("args: [[a]]", "args[0]", None, "A single value is required."),
        ("env: [a]", "env", None, "A map of keys and values is required."),
        ("env: {A: [b]}", "env.A", None, "A single value is required."),
        ("readinessProbe: {path: /, port: 0}", "readinessProbe.port", "0", "It must be an integer from 1 to 65535."),
        ("livenessProbe: {path: /, port: web}", "livenessProbe.port", "web", "It must be an integer from 1 to 65535."),
        (
            "readinessProbe: {path: /, port: 1, periodSeconds: 0}",
            "readinessProbe.periodSeconds",
            "0",
            "It must be an integer of at least 1.",
        ),
        ("mountSessionToken: maybe", "mountSessionToken", "maybe", "It must be true or false."),
        ("resources: {limits: {memory: 10}}", "resources.limits.memory", "10", UNIT_RULE),
        (
            "resources: {limits: {memory: 10KB}}",
            "resources.limits.memory",
            "10KB",
            "Unknown unit 'KB': it must be M, Mi, G or Gi.",
        ),
        ("resources: {requests: {memory: -1G}}", "resources.requests.memory", "-1G", AMOUNT_RULE),
        (
            "resources: {requests: {cpu: two}}",
            "resources.requests.cpu",
            "two",
            "It must be a number of CPUs, as in 2, 0.5 or 500m.",
        ),
        (
            "resources: {requests: {nvidia.com/gpu: 0.5}}",
            "resources.requests.nvidia.com/gpu",
            "0.5",
            "It must be an integer of at least 0.",
        ),
        ("sessionTokenConfig: {path: /app/../x}", "sessionTokenConfig.path", "/app/../x", TOKEN_PATH_RULE),
        ("sessionTokenConfig: {path: /app/x/}", "sessionTokenConfig.path", "/app/x/", TOKEN_PATH_RULE),
        ("sessionTokenConfig: {path: app}", "sessionTokenConfig.path", "app", TOKEN_PATH_RULE),
        (
            "sessionTokenConfig: {path: /x, permission: 0600}",
            "sessionTokenConfig.permission",
            "0600",
            "It must be put in quotes.",
        ),
        ("sessionTokenConfig: {path: /x, permission: '0666'}", "sessionTokenConfig.permission", "0666", MODE_RULE),
        ("sessionTokenConfig: {path: /x, permission: '0044'}", "sessionTokenConfig.permission", "0044", MODE_RULE),
        ("volumeMounts: [{name: a, mountPath: data}]", "volumeMounts[0].mountPath", "data", PATH_RULE),
        ("volumeMounts: [{name: a, mountPath: /a/..}]", "volumeMounts[0].mountPath", "/a/..", PATH_RULE),
        ("sha256: abc", "sha256", "abc", 'It must be "@sha256:" and 64 hex digits.'),
    ],
)
def test_a_value_of_a_container_that_breaks_a_rule(option: str, path: str, value: str | None, rule: str) -> None:
    path = f"spec.containers[0].{path}"
    expect(f"{HEAD}    {option}\n", path, f"invalid value{'' if value is None else ' ' + value} for '{path}'. {rule}")


@pytest.mark.parametrize(
    ("option", "path", "value", "rule"),
    [
        ("source: nfs", "source", "nfs", "It must be one of local, memory, block, stage."),
        ("source: memory, size: 10", "size", "10", UNIT_RULE),
        ("source: memory, size: 10Ki", "size", "10Ki", "Unknown unit 'Ki': it must be M, Mi, G or Gi."),
        ("source: block, size: 10G", "size", "10G", BLOCK_SIZE_RULE),
        ("source: block, size: 0.5Gi", "size", "0.5Gi", BLOCK_SIZE_RULE),
        ("source: block, size: 65537Gi", "size", "65537Gi", "It must be from 1Gi to 65536Gi."),
        (
            "source: block, size: 9Gi, blockConfig: {iops: 100}",
            "blockConfig.iops",
            "100",
            "It must be from 3000 to 80000.",
        ),
        (
            "source: block, size: 9Gi, blockConfig: {iops: 4501}",
            "blockConfig.iops",
            "4501",
            "At 9Gi it must be at most 4500.",
        ),
        (
            "source: block, size: 1Gi, blockConfig: {throughput: 751}",
            "blockConfig.throughput",
            "751",
            "At 3000 iops it must be at most 750.",
        ),
        (
            "source: block, size: 9Gi, blockConfig: {encryption: AES}",
            "blockConfig.encryption",
            "AES",
            "It must be one of SNOWFLAKE_SSE, SNOWFLAKE_FULL.",
        ),
        (
            "source: block, size: 9Gi, blockConfig: {snapshotDeleteAfter: 7w}",
            "blockConfig.snapshotDeleteAfter",
            "7w",
            "It must be hours or days, such as 12h or 7d.",
        ),
        ("source: stage, stageConfig: {name: models}", "stageConfig.name", "models", STAGE_RULE),
        ('source: "@s/../other"', "source", "@s/../other", STAGE_RULE),
        (
            'source: stage, stageConfig: {name: "@s", metadataCache: soon}',
            "stageConfig.metadataCache",
            "soon",
            "It must be a time such as 90s, 5m or 1h30m.",
        ),
        ('source: "@s", uid: root', "uid", "root", "It must be an integer from 0 to 4294967294."),
    ],
)
def test_a_value_of_a_volume_that_breaks_a_rule(option: str, path: str, value: str, rule: str) -> None:
    path = f"spec.volumes[0].{path}"
    expect(f"{HEAD}  volumes: [{{name: data, {option}}}]\n", path, f"invalid value {value} for '{path}'. {rule}")


@pytest.mark.parametrize(
    ("option", "path", "value", "rule"),
    [
        ("port: 65536", "port", "65536", "It must be an integer from 1 to 65535."),
        (
            "portRange: 9-8",
            "portRange",
            "9-8",
            "It must be two ports from 1 to 65535, the lower first, as in 8000-8100.",
        ),
        ("port: 1, protocol: UDP", "protocol", "UDP", "It must be one of HTTP, HTTPS, TCP."),
        (
            "port: 1, corsSettings: {Access-Control-Allow-Origin: ['*']}",
            "corsSettings.Access-Control-Allow-Origin[0]",
            "*",
            ORIGIN_RULE,
        ),
        (
            "port: 1, corsSettings: {Access-Control-Allow-Origin: [https://a.b/c]}",
            "corsSettings.Access-Control-Allow-Origin[0]",
            "https://a.b/c",
            ORIGIN_RULE,
        ),
    ],
)
def test_a_value_of_an_endpoint_that_breaks_a_rule(option: str, path: str, value: str, rule: str) -> None:
    path = f"spec.endpoints[0].{path}"
    expect(f"{HEAD}  endpoints: [{{name: web, {option}}}]\n", path, f"invalid value {value} for '{path}'. {rule}")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("Main", NAME_RULE),
        ("9lives", NAME_RULE),
        ("a_b", NAME_RULE),
        ("a-", NAME_RULE),
        ('"a\\n"', NAME_RULE),
        ("é", NAME_RULE),
        ("a" * 64, "It must have at most 63 characters."),
    ],
)
@pytest.mark.parametrize("kind", ["containers", "endpoints", "volumes"])
def test_names_follow_dns(kind: str, name: str, rule: str) -> None:
    text = {
        "containers": f"spec:\n  containers: [{{name: {name}, image: i}}]\n",
        "endpoints": f"{HEAD}  endpoints: [{{name: {name}, port: 80}}]\n",
        "volumes": f"{HEAD}  volumes: [{{name: {name}, source: local}}]\n",
    }[kind]
    path = f"spec.{kind}[0].name"
    shown = "a\n" if "\\n" in name else name
    expect(text, path, f"invalid value {shown} for '{path}'. {rule}")


def test_the_longest_names_are_accepted() -> None:
    name = "a" * 62 + "9"
    assert parse(f"spec: {{containers: [{{name: {name}, image: i}}]}}").containers[0].name == name


@pytest.mark.parametrize("name", ["_role", "role_", "my-role"])
def test_service_role_names_follow_their_own_rule(name: str) -> None:
    rule = "It must be letters, digits and '_', start with a letter and end with a letter or digit."
    text = f"{HEAD}serviceRoles: [{{name: {name}, endpoints: []}}]\n"
    expect(text, "serviceRoles[0].name", f"invalid value {name} for 'serviceRoles[0].name'. {rule}")
