"""Keys that Snowflake would refuse: each with its sentence, its path, and the line it stands on."""

from __future__ import annotations

import pytest

from spcs.spec import SpecError, parse

HEAD = "spec:\n  containers:\n  - name: main\n    image: /d/s/r/i:1\n"


def refused(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert caught.value.code == 395018
    assert str(caught.value) == caught.value.message
    return caught.value


def expect(text: str, path: str, problem: str) -> SpecError:
    error = refused(text)
    assert (error.message, error.path) == (f"Invalid spec: {problem}", path)
    return error


@pytest.mark.parametrize(
    ("text", "line", "path", "problem", "hint"),
    [
        (
            HEAD + "    imag: x\n",
            5,
            "spec.containers[0]",
            "'imag' for 'spec.containers[0]'",
            "did you mean 'image'?",
        ),
        (HEAD + "    zzz:\n      a: 1\n", 5, "spec.containers[0]", "'zzz' for 'spec.containers[0]'", None),
        (
            HEAD + "    volumemounts: []\n",
            5,
            "spec.containers[0]",
            "'volumemounts' for 'spec.containers[0]'",
            "did you mean 'volumeMounts'?",
        ),
        (
            HEAD + "    resources:\n      limits: {gpu: 1}\n",
            6,
            "spec.containers[0].resources.limits",
            "'gpu' for 'spec.containers[0].resources.limits'",
            "did you mean 'nvidia.com/gpu'?",
        ),
        (
            HEAD + "  serviceRoles: []\n",
            5,
            "spec",
            "'serviceRoles' for 'spec'",
            "it belongs at the top level, beside 'spec'",
        ),
        ("containers: []\n", 1, "", "'containers'", "it belongs under 'spec'"),
        (HEAD + "volumes: []\n", 5, "", "'volumes'", "it belongs under 'spec'"),
    ],
)
def test_unknown_key_names_its_parent(text: str, line: int, path: str, problem: str, hint: str | None) -> None:
    error = expect(text, path, f"unknown option {problem}.")
    assert (error.line, error.hint) == (line, hint)


@pytest.mark.parametrize(
    ("text", "line", "path", "problem"),
    [
        (HEAD + "    image: again\n", 5, "spec.containers[0]", "'image' for 'spec.containers[0]'"),
        (HEAD + "    env:\n      A: 1\n      A: 2\n", 7, "spec.containers[0].env", "'A' for 'spec.containers[0].env'"),
        (HEAD + "  container: []\n", 5, "spec", "'container' for 'spec'"),
        ('{"spec": {}, "spec": {}}', 1, "", "'spec' for the specification"),
    ],
)
def test_duplicate_key_is_an_error(text: str, line: int, path: str, problem: str) -> None:
    assert expect(text, path, f"duplicate option {problem}.").line == line


@pytest.mark.parametrize(
    ("text", "path", "name", "where"),
    [
        ("{}", "", "spec", "the specification"),
        ("spec: {}", "spec", "containers", "'spec'"),
        ("spec: {containers: [{image: i}]}", "spec.containers[0]", "name", "'spec.containers[0]'"),
        ("spec: {containers: [{name: a, image: }]}", "spec.containers[0]", "image", "'spec.containers[0]'"),
        (
            HEAD + "    readinessProbe: {port: 80}\n",
            "spec.containers[0].readinessProbe",
            "path",
            "'spec.containers[0].readinessProbe'",
        ),
        (HEAD + "serviceRoles: [{name: r}]\n", "serviceRoles[0]", "endpoints", "'serviceRoles[0]'"),
    ],
)
def test_missing_key_names_its_parent(text: str, path: str, name: str, where: str) -> None:
    expect(text, path, f"missing required option '{name}' for {where}.")


def test_no_volume_mounts_is_refused_in_snowflakes_words() -> None:
    for value in ("", " []"):
        text = f"{HEAD}    volumeMounts:{value}\n"
        error = expect(text, "spec.containers[0].volumeMounts", "invalid 'volumeMounts'. Value is empty.")
        assert error.line == 5


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        (
            HEAD + "    volumeMounts: [{name: data, mountPath: /data}]\n  volumes: [{name: data, source: memory}]\n",
            "spec.volumes[0]",
            "missing required option 'size' for 'spec.volumes[0]': source 'memory' needs it.",
        ),
        (
            HEAD + "  volumes: [{name: data, source: block}]\n",
            "spec.volumes[0]",
            "missing required option 'size' for 'spec.volumes[0]': source 'block' needs it.",
        ),
        (
            HEAD + "  volumes: [{name: data, source: stage}]\n",
            "spec.volumes[0]",
            "missing required option 'stageConfig' for 'spec.volumes[0]': source 'stage' needs it.",
        ),
        (
            HEAD + "  volumes: [{name: data, source: '@s', stageConfig: {name: '@s'}}]\n",
            "spec.volumes[0]",
            "unknown option 'stageConfig' for 'spec.volumes[0]': 'source' names a stage already.",
        ),
        (
            HEAD + "  volumes: [{name: data, source: local, uid: 1}]\n",
            "spec.volumes[0]",
            "unknown option 'uid' for 'spec.volumes[0]': it is for source 'stage' or 'block', this is 'local'.",
        ),
        (
            HEAD + "  volumes: [{name: data, source: local, blockConfig: {iops: 3000}}]\n",
            "spec.volumes[0]",
            "unknown option 'blockConfig' for 'spec.volumes[0]': it is for source 'block', this is 'local'.",
        ),
        (
            HEAD + "  endpoints: [{name: web}]\n",
            "spec.endpoints[0]",
            "'spec.endpoints[0]' must have exactly one of 'port' and 'portRange'.",
        ),
        (
            HEAD + "  endpoints: [{name: web, port: 1, portRange: 1-2, protocol: TCP}]\n",
            "spec.endpoints[0]",
            "'spec.endpoints[0]' must have exactly one of 'port' and 'portRange'.",
        ),
        (
            HEAD + "  endpoints: [{name: web, portRange: 1-2}]\n",
            "spec.endpoints[0]",
            "'spec.endpoints[0]' has a 'portRange': its 'protocol' must be TCP.",
        ),
        (
            HEAD + "  endpoints: [{name: web, portRange: 1-2, protocol: TCP, public: true}]\n",
            "spec.endpoints[0]",
            "'spec.endpoints[0]' has a 'portRange': it must not be public.",
        ),
        (
            HEAD + "  endpoints: [{name: web, port: 1, protocol: TCP, public: true}]\n",
            "spec.endpoints[0]",
            "'spec.endpoints[0]' is public: its 'protocol' must be HTTP.",
        ),
        (
            HEAD + "    mountSessionToken: false\n    sessionTokenConfig: {path: /x}\n",
            "spec.containers[0]",
            "unknown option 'sessionTokenConfig' for 'spec.containers[0]': 'mountSessionToken' is false.",
        ),
        (
            HEAD + "    sessionTokenConfig: {}\n",
            "spec.containers[0].sessionTokenConfig",
            (
                "'spec.containers[0].sessionTokenConfig' must have at least one of "
                "'path', 'permission' and 'mountConnectionConfig'."
            ),
        ),
        (
            HEAD + "    sessionTokenConfig: {permission: '0600'}\n",
            "spec.containers[0].sessionTokenConfig",
            "unknown option 'permission' for 'spec.containers[0].sessionTokenConfig': it goes with 'path' only.",
        ),
        (
            HEAD + "    secrets: [{snowflakeSecret: s}]\n",
            "spec.containers[0].secrets[0]",
            "'spec.containers[0].secrets[0]' must have exactly one of 'envVarName' and 'directoryPath'.",
        ),
        (
            HEAD + "    secrets: [{snowflakeSecret: s, envVarName: S}]\n",
            "spec.containers[0].secrets[0]",
            "missing required option 'secretKeyRef' for 'spec.containers[0].secrets[0]': 'envVarName' needs it.",
        ),
        (
            HEAD + "    secrets: [{snowflakeSecret: s, directoryPath: /s, secretKeyRef: password}]\n",
            "spec.containers[0].secrets[0]",
            "unknown option 'secretKeyRef' for 'spec.containers[0].secrets[0]': it goes with 'envVarName' only.",
        ),
        (
            HEAD + "    secrets: [{snowflakeSecret: {}, directoryPath: /s}]\n",
            "spec.containers[0].secrets[0].snowflakeSecret",
            (
                "'spec.containers[0].secrets[0].snowflakeSecret' must have exactly one of "
                "'objectName' and 'objectReference'."
            ),
        ),
    ],
)
def test_keys_that_do_not_go_together(text: str, path: str, problem: str) -> None:
    expect(text, path, problem)


CONDITION = "metricCondition: {metricName: m, aggregationType: avg, stabilizationPeriodSecs: 60"
STEPS = "stepScaling: {adjustmentType: exactInstanceCount, scalingSteps: [{targetAdjustment: 2}]}"


@pytest.mark.parametrize(
    ("policy", "path", "problem"),
    [
        (
            f"suspend: {{allConditions: [{{{CONDITION}, {STEPS}}}}}]}}",
            "suspend",
            "must not use 'stepScaling': a suspension has no steps.",
        ),
        (
            f"scaleUp: {{anyConditions: [{{{CONDITION}}}}}]}}",
            "scaleUp.anyConditions[0].metricCondition",
            "must have exactly one of 'targetScaling' and 'stepScaling'.",
        ),
        ("scaleUp: {anyConditions: []}", "scaleUp.anyConditions", "must have at least 1 item."),
    ],
)
def test_scaling_policies_that_make_no_sense(policy: str, path: str, problem: str) -> None:
    path = f"spec.resourceManagement.autoScalingPolicies.{path}"
    expect(f"{HEAD}  resourceManagement: {{autoScalingPolicies: {{{policy}}}}}\n", path, f"'{path}' {problem}")
