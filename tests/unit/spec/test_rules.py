"""Rules between the parts of a specification."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spcs.spec import SpecError, parse

HEAD = "spec:\n  containers:\n  - name: main\n    image: /d/s/r/i:1\n"
DATA = "  volumes:\n  - {name: data, source: local}\n"


def mounts(*entries: str) -> str:
    return "    volumeMounts:\n" + "".join(f"    - {{{entry}}}\n" for entry in entries)


def resources(requests: str, limits: str) -> str:
    return f"    resources:\n      requests: {{{requests}}}\n      limits: {{{limits}}}\n"


@pytest.mark.parametrize(
    ("text", "line", "path", "problem", "hint"),
    [
        (
            HEAD + mounts("name: dta, mountPath: /data") + DATA,
            6,
            "spec.containers[0].volumeMounts[0].name",
            "unknown volume 'dta' for 'spec.containers[0].volumeMounts[0]'.",
            "did you mean 'data'?",
        ),
        (
            HEAD + mounts("name: data, mountPath: /data"),
            6,
            "spec.containers[0].volumeMounts[0].name",
            "unknown volume 'data' for 'spec.containers[0].volumeMounts[0]'.",
            None,
        ),
        (
            HEAD + mounts("name: data, mountPath: /data", "name: data, mountPath: /data/") + DATA,
            7,
            "spec.containers[0].volumeMounts[1].mountPath",
            "duplicate mountPath '/data/' in 'spec.containers[0].volumeMounts'.",
            None,
        ),
        (
            HEAD + "  - {name: main, image: i}\n",
            5,
            "spec.containers[1].name",
            "duplicate name 'main' in 'spec.containers'.",
            None,
        ),
        (
            HEAD + DATA + "  - {name: data, source: local}\n",
            7,
            "spec.volumes[1].name",
            "duplicate name 'data' in 'spec.volumes'.",
            None,
        ),
        (
            HEAD + "  endpoints:\n  - {name: a, port: 1}\n  - {name: a, port: 2}\n",
            7,
            "spec.endpoints[1].name",
            "duplicate name 'a' in 'spec.endpoints'.",
            None,
        ),
        (
            HEAD + "serviceRoles:\n- {name: r, endpoints: []}\n- {name: r, endpoints: []}\n",
            7,
            "serviceRoles[1].name",
            "duplicate name 'r' in 'serviceRoles'.",
            None,
        ),
        (
            HEAD + "  endpoints: [{name: web, port: 80}]\nserviceRoles:\n- name: r\n  endpoints: [web, wbe]\n",
            8,
            "serviceRoles[0].endpoints[1]",
            "unknown endpoint 'wbe' for 'serviceRoles[0]'.",
            "did you mean 'web'?",
        ),
        (
            HEAD + resources("nvidia.com/gpu: 1", "cpu: 1"),
            6,
            "spec.containers[0].resources.requests.nvidia.com/gpu",
            (
                "'nvidia.com/gpu' must be the same in requests and limits of 'spec.containers[0].resources': "
                "requests has 1, limits has none."
            ),
            "write 'nvidia.com/gpu: 1' under both requests and limits",
        ),
        (
            HEAD + resources("cpu: 1", "nvidia.com/gpu: 4"),
            7,
            "spec.containers[0].resources.limits.nvidia.com/gpu",
            (
                "'nvidia.com/gpu' must be the same in requests and limits of 'spec.containers[0].resources': "
                "requests has none, limits has 4."
            ),
            "write 'nvidia.com/gpu: 4' under both requests and limits",
        ),
        (
            HEAD + resources("nvidia.com/gpu: 2", "nvidia.com/gpu: 4"),
            6,
            "spec.containers[0].resources.requests.nvidia.com/gpu",
            (
                "'nvidia.com/gpu' must be the same in requests and limits of 'spec.containers[0].resources': "
                "requests has 2, limits has 4."
            ),
            "write 'nvidia.com/gpu: 2' under both requests and limits",
        ),
        (
            HEAD + resources("memory: 2Gi", "memory: 2G"),
            6,
            "spec.containers[0].resources.requests.memory",
            "invalid value 2Gi for 'spec.containers[0].resources.requests.memory'. It exceeds the limit 2G.",
            None,
        ),
        (
            HEAD + resources("cpu: 1", "cpu: 999m"),
            6,
            "spec.containers[0].resources.requests.cpu",
            "invalid value 1 for 'spec.containers[0].resources.requests.cpu'. It exceeds the limit 0.999.",
            None,
        ),
        (
            HEAD + "  volumes:\n  - name: s\n    source: stage\n    stageConfig:\n      name: '@s'\n"
            "      resources: {requests: {cpu: 2}, limits: {cpu: 1}}\n",
            10,
            "spec.volumes[0].stageConfig.resources.requests.cpu",
            "invalid value 2 for 'spec.volumes[0].stageConfig.resources.requests.cpu'. It exceeds the limit 1.",
            None,
        ),
        (
            HEAD + "    sessionTokenConfig: {path: /data/token}\n" + mounts("name: data, mountPath: /data/") + DATA,
            5,
            "spec.containers[0].sessionTokenConfig.path",
            (
                "invalid value /data/token for 'spec.containers[0].sessionTokenConfig.path'. "
                "It overlaps the mount at '/data/'."
            ),
            None,
        ),
        (
            HEAD + "    sessionTokenConfig: {path: /app}\n"
            "    secrets: [{snowflakeSecret: s, directoryPath: /app/login}]\n",
            5,
            "spec.containers[0].sessionTokenConfig.path",
            (
                "invalid value /app for 'spec.containers[0].sessionTokenConfig.path'. "
                "It overlaps the mount at '/app/login'."
            ),
            None,
        ),
    ],
)
def test_what_one_part_says_must_hold_in_the_others(
    text: str, line: int, path: str, problem: str, hint: str | None
) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    error = caught.value
    assert (error.message, error.path) == (f"Invalid spec: {problem}", path)
    assert (error.line, error.hint, error.code) == (line, hint, 395018)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + mounts("name: data, mountPath: /data", "name: data, mountPath: /data/cache") + DATA,
        HEAD + mounts("name: data, mountPath: /a", "name: data, mountPath: /b") + DATA,
        HEAD + "    sessionTokenConfig: {path: /database}\n" + mounts("name: data, mountPath: /data") + DATA,
        HEAD + "    readinessProbe: {port: 9000, path: /}\n  endpoints: [{name: web, port: 80}]\n",
        HEAD + resources("cpu: 0.1", "cpu: 100m"),
        HEAD + resources("memory: 1000M", "memory: 1G"),
        HEAD + resources("nvidia.com/gpu: '1'", "nvidia.com/gpu: 1"),
        HEAD + DATA + "  endpoints: [{name: data, port: 80}]\n",
    ],
)
def test_what_looks_alike_but_is_no_conflict(text: str) -> None:
    parse(text)


def _listed(key: str, item: str, count: int) -> str:
    return f"  {key}:\n" + "".join(f"  - {{name: n{index}, {item}}}\n" for index in range(count))


def _secrets(count: int) -> str:
    each = "{snowflakeSecret: s, directoryPath: /s}"
    half = "    secrets: [" + ", ".join([each] * (count // 2)) + "]\n"
    return HEAD + half + "  - name: other\n    image: i\n" + half


@pytest.mark.parametrize(
    ("most", "text", "path", "problem"),
    [
        (
            20,
            lambda n: "spec:\n" + _listed("containers", "image: i", n),
            "spec.containers",
            "'spec.containers' has 21 items; at most 20 are allowed.",
        ),
        (
            100,
            lambda n: HEAD + _listed("endpoints", "port: 80", n),
            "spec.endpoints",
            "'spec.endpoints' has 101 items; at most 100 are allowed.",
        ),
        (
            20,
            lambda n: HEAD + _listed("volumes", "source: local", n),
            "spec.volumes",
            "'spec.volumes' has 21 items; at most 20 are allowed.",
        ),
        (
            3,
            lambda n: HEAD + _listed("volumes", "source: block, size: 1Gi", n),
            "spec.volumes",
            "the service has 4 block volumes; at most 3 are allowed.",
        ),
        (
            5,
            lambda n: HEAD + _listed("volumes", "source: '@s'", n),
            "spec.volumes",
            "the service has 6 stage volumes of the deprecated form; at most 5 are allowed.",
        ),
        (50, lambda n: _secrets(n + n % 2), "spec.containers", "the service has 52 secrets; at most 50 are allowed."),
    ],
    ids=["containers", "endpoints", "volumes", "block volumes", "deprecated stage volumes", "secrets"],
)
def test_a_service_may_hold_just_so_many(most: int, text: Callable[[int], str], path: str, problem: str) -> None:
    parse(text(most))
    with pytest.raises(SpecError) as caught:
        parse(text(most + 1))
    assert (caught.value.message, caught.value.path) == (f"Invalid spec: {problem}", path)


def test_a_service_needs_a_container() -> None:
    with pytest.raises(SpecError) as caught:
        parse("spec: {containers: []}")
    assert caught.value.message == "Invalid spec: 'spec.containers' must have at least 1 item."
