# ruff: noqa: RUF009 - key() declares a field
"""What Snowflake is told to record about a service, and how to scale it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spcs.spec.kinds import Many, Number, OneOf, Text, TextMap, Whole
from spcs.spec.place import Place
from spcs.spec.records import Record, key


@dataclass(frozen=True)
class EventTableConfig:
    log_level: str = key(OneOf(("INFO", "ERROR", "NONE")), default="INFO")  # ERROR: stderr only


@dataclass(frozen=True)
class LogExporters:
    event_table_config: EventTableConfig = key(Record(EventTableConfig), default=EventTableConfig())


METRIC_GROUP = OneOf(("system", "system_limits", "status", "network", "storage"))


@dataclass(frozen=True)
class MetricConfig:
    groups: tuple[str, ...] = key(Many(METRIC_GROUP), default=())


@dataclass(frozen=True)
class PlatformMonitor:
    metric_config: MetricConfig = key(Record(MetricConfig), default=MetricConfig())


@dataclass(frozen=True)
class TargetScaling:
    target_value: float = key(Number())


@dataclass(frozen=True)
class ScalingStep:
    """A side without a bound is left open; the documentation shows both and says neither is required."""

    target_adjustment: float = key(Number())
    lower_bound: float | None = key(Number(), default=None)
    upper_bound: float | None = key(Number(), default=None)


ADJUSTMENT = OneOf(("changeInstanceCount", "exactInstanceCount", "percentChangeInstanceCount"))


@dataclass(frozen=True)
class StepScaling:
    adjustment_type: str = key(ADJUSTMENT)
    scaling_steps: tuple[ScalingStep, ...] = key(Many(Record(ScalingStep), at_least=1))


@dataclass(frozen=True)
class MetricCondition:
    metric_name: str = key(Text())
    labels: Mapping[str, str] = key(TextMap(), default={})
    # Shown without a default and without "optional"; Snowflake's answer to leaving them out is unknown.
    aggregation_type: str | None = key(OneOf(("min", "max", "avg")), default=None)
    stabilization_period_secs: int | None = key(Whole(), default=None)
    target_scaling: TargetScaling | None = key(Record(TargetScaling), default=None)
    step_scaling: StepScaling | None = key(Record(StepScaling), default=None)

    def checked(self, place: Place) -> MetricCondition:
        if (self.target_scaling is None) == (self.step_scaling is None):
            place.fail(f"{place.name} must have exactly one of 'targetScaling' and 'stepScaling'")
        return self


@dataclass(frozen=True)
class Condition:
    metric_condition: MetricCondition = key(Record(MetricCondition))


@dataclass(frozen=True)
class ScaleUp:
    any_conditions: tuple[Condition, ...] = key(Many(Record(Condition), at_least=1))


@dataclass(frozen=True)
class ScaleDown:
    all_conditions: tuple[Condition, ...] = key(Many(Record(Condition), at_least=1))


@dataclass(frozen=True)
class Suspend:
    all_conditions: tuple[Condition, ...] = key(Many(Record(Condition), at_least=1))

    def checked(self, place: Place) -> Suspend:
        if any(condition.metric_condition.step_scaling for condition in self.all_conditions):
            place.fail(f"{place.name} must not use 'stepScaling': a suspension has no steps")
        return self


@dataclass(frozen=True)
class AutoScalingPolicies:
    """Snowflake applies these to services only; a job may carry them to no effect."""

    scale_up: ScaleUp | None = key(Record(ScaleUp), default=None)
    scale_down: ScaleDown | None = key(Record(ScaleDown), default=None)
    suspend: Suspend | None = key(Record(Suspend), default=None)


@dataclass(frozen=True)
class StartupOrder:
    """Undocumented, but sent by snowflake-ml with 'FirstInstance': instance 0 starts before the others."""

    type: str = key(Text())


@dataclass(frozen=True)
class ControlPolicy:
    startup_order: StartupOrder | None = key(Record(StartupOrder), default=None)


@dataclass(frozen=True)
class ResourceManagement:
    auto_scaling_policies: AutoScalingPolicies | None = key(Record(AutoScalingPolicies), default=None)
    control_policy: ControlPolicy | None = key(Record(ControlPolicy), default=None)
