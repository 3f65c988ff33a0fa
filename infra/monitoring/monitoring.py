"""Monitoring: alarms to an SNS topic, and a dashboard; no resource unless the settings enable it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.args import Args, Input
from infra.config.monitoring import MonitoringSettings
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint
from infra.image.model_image import ModelImage
from infra.monitoring.alarms import Alarm, Dimensions, endpoint_alarms, model_alarms, service_alarms
from infra.monitoring.dashboard import dashboard_body
from infra.service.fargate_service import FargateService


class EndpointMonitoringArgs(MonitoringSettings):
    """Arguments of `EndpointMonitoring`, beside its settings: the resources' names in CloudWatch."""

    arn_suffix: Input[str]
    target_group_arn_suffix: Input[str]


class EndpointMonitoring(pulumi.ComponentResource):
    """Alarms on the endpoint, and the topic of all alarms; created before the service, which rolls back on them.

    rollback_alarm_names: alarms that end a deployment; ECS ignores an alarm that is active when a deployment starts.
    """

    load_balancer: Dimensions
    target_group: Dimensions
    topic_arn: pulumi.Output[str]
    alarm_arns: Sequence[pulumi.Output[str]]
    rollback_alarm_names: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, args: EndpointMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:EndpointWatch", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # Not encrypted: CloudWatch cannot use the AWS-managed SNS key, and an alarm's text is not confidential.
        topic = aws.sns.Topic(f"{name}-alarms", opts=child)
        if args.alarm_email:
            aws.sns.TopicSubscription(
                f"{name}-alarms-by-email",
                topic=topic.arn,
                protocol="email",
                endpoint=args.alarm_email,
                opts=child,
            )
        self.load_balancer = {"LoadBalancer": args.arn_suffix}
        self.target_group = {"TargetGroup": args.target_group_arn_suffix, **self.load_balancer}
        self.topic_arn = topic.arn
        alarms = [
            _create(name, alarm, topic.arn, child)
            for alarm in endpoint_alarms(
                load_balancer=self.load_balancer,
                target_group=self.target_group,
                latency_ms=args.latency_p95_alarm_ms,
            )
        ]
        self.alarm_arns = [alarm.arn for alarm in alarms]
        self.rollback_alarm_names = [alarm.name for alarm in alarms]
        self.register_outputs({"topic_arn": self.topic_arn, "rollback_alarm_names": self.rollback_alarm_names})


class ServiceMonitoringArgs(Args):
    """Arguments of `ServiceMonitoring`; model_service: the dimension Service of the model's metrics."""

    endpoint: EndpointMonitoring
    cluster_name: Input[str]
    service_name: Input[str]
    model_service: str
    model_version: Input[str]
    min_tasks: int


class ServiceMonitoring(pulumi.ComponentResource):
    """Alarms on the tasks and the model, and the dashboard."""

    alarm_arns: Sequence[pulumi.Output[str]]
    dashboard_name: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:ServiceWatch", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        endpoint = args.endpoint
        service: Dimensions = {"ClusterName": args.cluster_name, "ServiceName": args.service_name}
        model: Dimensions = {"Service": args.model_service, "ModelVersion": args.model_version}
        alarms = (
            *service_alarms(service=service, target_group=endpoint.target_group, min_tasks=args.min_tasks),
            *model_alarms(model=model),
        )
        self.alarm_arns = [_create(name, alarm, endpoint.topic_arn, child).arn for alarm in alarms]
        body = pulumi.Output.all(
            region=aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region,
            load_balancer=endpoint.load_balancer,
            target_group=endpoint.target_group,
            service=service,
            model=model,
            alarm_arns=[*endpoint.alarm_arns, *self.alarm_arns],
        ).apply(lambda known: dashboard_body(**known))
        dashboard = aws.cloudwatch.Dashboard(f"{name}-dashboard", dashboard_name=name, dashboard_body=body, opts=child)
        self.dashboard_name = dashboard.dashboard_name
        self.register_outputs({"alarm_arns": self.alarm_arns, "dashboard_name": self.dashboard_name})


def monitor_endpoint(
    name: str, endpoint: LoadBalancedEndpoint, settings: MonitoringSettings
) -> EndpointMonitoring | None:
    """The endpoint's alarms; None unless monitoring is enabled."""
    if not settings.enabled:
        return None
    args = EndpointMonitoringArgs(
        **settings.args(), arn_suffix=endpoint.arn_suffix, target_group_arn_suffix=endpoint.target_group_arn_suffix
    )
    return EndpointMonitoring(name, args)


def rollback_alarms(monitoring: EndpointMonitoring | None) -> Sequence[pulumi.Output[str]]:
    """The names of the alarms that end a deployment; none without monitoring."""
    return monitoring.rollback_alarm_names if monitoring else ()


def monitor_service(
    name: str, monitoring: EndpointMonitoring | None, service: FargateService, image: ModelImage, *, min_tasks: int
) -> None:
    """The service's alarms and the dashboard; nothing without monitoring."""
    if monitoring is None:
        return
    args = ServiceMonitoringArgs(
        endpoint=monitoring,
        cluster_name=service.cluster_name,
        service_name=service.service_name,
        model_service=name,
        model_version=image.model_version,
        min_tasks=min_tasks,
    )
    ServiceMonitoring(name, args)


def _create(name: str, alarm: Alarm, topic_arn: Input[str], opts: pulumi.ResourceOptions) -> aws.cloudwatch.MetricAlarm:
    queries = [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=key,
            return_data=key == alarm.expression,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=metric.namespace,
                metric_name=metric.name,
                stat=metric.stat,
                period=60,
                dimensions=metric.dimensions,
            ),
        )
        for key, metric in alarm.metrics.items()
    ]
    if alarm.expression not in alarm.metrics:
        queries.append(
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id="result", expression=alarm.expression, label=alarm.description, return_data=True
            )
        )
    return aws.cloudwatch.MetricAlarm(
        f"{name}-{alarm.role}",
        alarm_description=alarm.description,
        comparison_operator=alarm.comparison,
        threshold=alarm.threshold,
        evaluation_periods=alarm.minutes,
        datapoints_to_alarm=alarm.breaching,
        treat_missing_data="breaching" if alarm.missing_is_bad else "notBreaching",
        metric_queries=queries,
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        opts=opts,
    )
