"""What a specification may hold: each reads into the model, and what DESCRIBE SERVICE would show reads back to it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from spcs.spec import (
    FAMILIES,
    Container,
    Endpoint,
    LivenessProbe,
    ReadinessProbe,
    Resources,
    ResourceSettings,
    Secret,
    SecretRef,
    Service,
    SessionTokenConfig,
    VolumeMount,
    check_fit,
    effective,
    normalised,
    parse,
    resolved,
)

GIB = 1024**3
IMAGE = "/db/schema/repo/my_2job_image:1a2b3c4d5e6f"
DIGESTS = {IMAGE: "sha256:" + "0f" * 32}

MINIMAL = f"spec:\n  containers:\n  - name: main\n    image: {IMAGE}\n"

TUTORIAL = f"""
spec:
  containers:
  - name: main
    image: {IMAGE}
    env:
      MOUNT_PATH: /opt/training-output
    resources:
      requests:
        memory: 188G
        nvidia.com/gpu: 4
      limits:
        memory: 192G
        nvidia.com/gpu: 4
    volumeMounts:
    - name: output
      mountPath: /opt/training-output
    - name: dshm
      mountPath: /dev/shm
  volumes:
  - name: output
    source: stage
    stageConfig:
      name: "@db.schema.training/output"
    uid: 1000
    gid: 1000
  - name: dshm
    source: memory
    size: 10Gi
"""

EVERYTHING = f"""
spec:
  containers:
  - name: app
    image: {IMAGE}
    command: [python, -m, app]
    args: [--lr, 0.10, --note, "a \\"quoted\\" word: yes", ""]
    env: {{LOG: info, PORT: 8000, DEBUG: true, RATE: 1.10, EMPTY: }}
    readinessProbe: {{port: 8000, path: /ready, periodSeconds: 10}}
    livenessProbe: {{port: 8001, path: /live, failureThreshold: 5}}
    volumeMounts:
    - {{name: block, mountPath: /data}}
    - {{name: models, mountPath: /models}}
    - {{name: old-models, mountPath: /models/old}}
    resources:
      requests: {{cpu: 500m, memory: 0.4Gi}}
      limits: {{cpu: 1.5, memory: 2G}}
    sessionTokenConfig: {{path: /app/session, permission: "0600", mountConnectionConfig: true}}
    secrets:
    - snowflakeSecret: db.schema.api_key
      envVarName: API_KEY
      secretKeyRef: secret_string
    - snowflakeSecret: {{objectReference: login}}
      directoryPath: /secrets/login
  - name: agent
    image: /db/schema/repo/agent
    mountSessionToken: false
    volumeMounts: [{{name: logs, mountPath: /logs}}]
  endpoints:
  - {{name: web, port: 8000, public: true, corsSettings: {{Access-Control-Allow-Origin: [https://example.com:12345]}}}}
  - {{name: peers, portRange: 32768-60999, protocol: TCP}}
  volumes:
  - {{name: logs, source: local}}
  - name: block
    source: block
    size: 50Gi
    blockConfig:
      initialContents: {{fromSnapshot: DB.SCHEMA.SNAPSHOT}}
      iops: 4000
      throughput: 1000
      encryption: SNOWFLAKE_FULL
      snapshotOnDelete: true
      snapshotDeleteAfter: 12h
  - name: models
    source: stage
    stageConfig:
      name: "@models"
      metadataCache: 1h30m
      resources: {{requests: {{cpu: 0.35, memory: 0.4Gi}}, limits: {{cpu: 2.0, memory: 1Gi}}}}
  - {{name: old-models, source: "@models/old", uid: 65532, gid: 65532}}
  logExporters: {{eventTableConfig: {{logLevel: ERROR}}}}
  platformMonitor: {{metricConfig: {{groups: [system, system_limits, status, network, storage]}}}}
  resourceManagement:
    autoScalingPolicies:
      scaleUp:
        anyConditions:
        - metricCondition:
            metricName: container.cpu.usage
            aggregationType: avg
            stabilizationPeriodSecs: 60
            stepScaling:
              adjustmentType: percentChangeInstanceCount
              scalingSteps: [{{lowerBound: 0.6, upperBound: 0.8, targetAdjustment: 25}}]
      suspend:
        allConditions:
        - metricCondition:
            metricName: network.ingress.cps
            labels: {{snow.endpoint.name: web}}
            targetScaling: {{targetValue: 0}}
    controlPolicy: {{startupOrder: {{type: FirstInstance}}}}
serviceRoles:
- {{name: web_role, endpoints: [web, peers]}}
capabilities: {{securityContext: {{executeAsCaller: true, enableCustomCredentials: true}}}}
"""


def test_the_smallest_specification_has_every_default() -> None:
    service = parse(MINIMAL)
    assert service == Service(containers=(Container(name="main", image=IMAGE),))
    container = service.containers[0]
    assert (container.command, container.args, container.env) == (None, None, {})
    assert container.mount_session_token is True
    assert container.resources == ResourceSettings(requests=Resources(None, None, None), limits=Resources())
    assert service.log_exporters.event_table_config.log_level == "INFO"
    assert service.capabilities.security_context.execute_as_caller is False


def test_the_tutorial_job_reads_and_fits_its_family() -> None:
    service = parse(TUTORIAL)
    container, (output, shm) = service.containers[0], service.volumes
    assert container.env == {"MOUNT_PATH": "/opt/training-output"}
    assert container.resources.requests == Resources(memory_bytes=188_000_000_000, gpu=4)
    assert container.resources.limits == Resources(memory_bytes=192_000_000_000, gpu=4)
    assert container.volume_mounts == (VolumeMount("output", "/opt/training-output"), VolumeMount("dshm", "/dev/shm"))
    assert output.stage is not None
    assert (output.source, output.version, output.uid, output.gid) == ("stage", 2, 1000, 1000)
    assert (output.stage.text, output.stage.name, output.stage.directory) == (
        "@db.schema.training/output",
        "db.schema.training",
        "output",
    )
    assert (shm.source, shm.size_bytes, shm.stage) == ("memory", 10 * GIB, None)
    check_fit(service, FAMILIES["GPU_NV_M"])
    requests, limits = effective(container, FAMILIES["GPU_NV_M"])
    assert requests == Resources(memory_bytes=188_000_000_000, cpu=0.5, gpu=4)
    assert limits == Resources(memory_bytes=178 * GIB, cpu=44.0, gpu=4)


def test_every_field_reads_into_the_model() -> None:
    service = parse(EVERYTHING)
    app, agent = service.containers
    assert app.command == ("python", "-m", "app")
    assert app.args == ("--lr", "0.10", "--note", 'a "quoted" word: yes', "")
    assert app.env == {"LOG": "info", "PORT": "8000", "DEBUG": "true", "RATE": "1.10", "EMPTY": ""}
    assert app.readiness_probe == ReadinessProbe(8000, "/ready", period_seconds=10, failure_threshold=3)
    assert app.liveness_probe == LivenessProbe(8001, "/live", period_seconds=10, failure_threshold=5)
    assert app.resources.requests == Resources(memory_bytes=429_496_730, cpu=0.5)
    assert app.resources.limits == Resources(memory_bytes=2_000_000_000, cpu=1.5)
    assert app.session_token_config == SessionTokenConfig("/app/session", "0600", True)
    assert app.secrets == (
        Secret(SecretRef(object_name="db.schema.api_key"), env_var_name="API_KEY", secret_key_ref="secret_string"),
        Secret(SecretRef(object_reference="login"), directory_path="/secrets/login"),
    )
    assert agent.mount_session_token is False
    web, peers = service.endpoints
    assert web.cors_settings is not None
    assert web.cors_settings.allow_origin == ("https://example.com:12345",)
    assert peers == Endpoint(name="peers", port_range=(32768, 60999), protocol="TCP")
    _, block, models, old_models = service.volumes
    assert block.size_bytes == 50 * GIB
    assert block.block_config is not None
    assert (block.block_config.iops, block.block_config.throughput) == (4000, 1000)
    assert block.block_config.snapshot_on_delete is True
    assert models.stage_config is not None
    assert models.stage_config.resources.requests.cpu == 0.35
    assert (old_models.source, old_models.version, str(old_models.stage)) == ("stage", 1, "@models/old")
    assert service.resource_management is not None
    assert service.resource_management.control_policy is not None
    assert service.service_roles[0].endpoints == ("web", "peers")
    assert service.capabilities.security_context.enable_custom_credentials is True


@pytest.mark.parametrize("family", ["GPU_NV_M", None])
@pytest.mark.parametrize("text", [MINIMAL, TUTORIAL, EVERYTHING], ids=["minimal", "tutorial", "everything"])
def test_what_describe_shows_reads_back_to_the_same_service(text: str, family: str | None) -> None:
    node = FAMILIES[family] if family else None
    service = parse(text)
    expected = resolved(service, DIGESTS, node)
    shown = normalised(service, DIGESTS, node)
    assert parse(shown) == expected
    assert normalised(expected, {}, node) == shown


def test_describe_shows_quoted_text_filled_resources_and_the_digest() -> None:
    text = MINIMAL + "    env: {BATCH: 64}\n    readinessProbe: {port: 8000, path: /healthcheck}\n"
    assert normalised(parse(text), DIGESTS, FAMILIES["CPU_X64_XS"]) == (
        "---\n"
        "spec:\n"
        "  containers:\n"
        '  - name: "main"\n'
        f'    image: "{IMAGE}"\n'
        f'    sha256: "@{DIGESTS[IMAGE]}"\n'
        "    env:\n"
        '      BATCH: "64"\n'
        "    readinessProbe:\n"
        "      port: 8000\n"
        '      path: "/healthcheck"\n'
        "    resources:\n"
        "      limits:\n"
        '        memory: "6Gi"\n'
        '        cpu: "1"\n'
        "      requests:\n"
        '        memory: "0.5Gi"\n'
        '        cpu: "0.5"\n'
    )


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_accepted(indent: Any) -> None:
    document = {"spec": {"containers": [{"name": "main", "image": IMAGE, "args": ["10", "é😀", "a\\/b"]}]}}
    service = parse(json.dumps(document, indent=indent))
    assert service.containers[0].args == ("10", "é😀", "a\\/b")


def test_the_singular_of_containers_endpoints_and_volumes_is_accepted() -> None:
    text = TUTORIAL.replace("containers:", "container:").replace("volumes:", "volume:")
    text += "  endpoint:\n  - {name: web, port: 8000}\n"
    assert parse(text) == replace(parse(TUTORIAL), endpoints=(Endpoint(name="web", port=8000),))


def test_keys_without_a_value_count_as_left_out() -> None:
    assert parse(MINIMAL + "    env:\n    args: ~\n    resources:\n  endpoints:\n") == parse(MINIMAL)


def test_anchors_and_merge_keys_are_followed() -> None:
    text = f"spec:\n  containers:\n  - &a {{name: one, image: {IMAGE}}}\n  - {{<<: *a, name: two}}\n"
    assert [(each.name, each.image) for each in parse(text).containers] == [("one", IMAGE), ("two", IMAGE)]
