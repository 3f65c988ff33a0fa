"""Alarms to a topic and a dashboard; nothing at all unless the configuration asks for `watching`."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.config.settings_operations import MonitoringSettings
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint
from infra.image.model_image import ModelImage
from infra.monitoring.alarms import Alarm, Dimensions, endpoint_alarms, model_alarms, service_alarms
from infra.monitoring.dashboard import dashboard_body
from infra.service.fargate_service import FargateService


@dataclass(frozen=True, kw_only=True)
class EndpointMonitoringArgs:
    """The load balancer and the target group by the names under which CloudWatch knows them."""

    arn_suffix: pulumi.Input[str]
    target_group_arn_suffix: pulumi.Input[str]
    settings: MonitoringSettings


class EndpointMonitoring(pulumi.ComponentResource):
    """What users feel, and the topic that every alarm goes to; made before the service, which rolls back on it.

    rollback_alarm_names: alarms that end a deployment; an alarm that rings when it begins is not looked at.
    """

    load_balancer: Dimensions
    target_group: Dimensions
    topic_arn: pulumi.Output[str]
    alarm_arns: Sequence[pulumi.Output[str]]
    rollback_alarm_names: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, args: EndpointMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:EndpointWatch", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # Not encrypted: CloudWatch may not use AWS's own SNS key, and an alarm's text is no secret.
        topic = aws.sns.Topic(f"{name}-alarms", opts=child)
        if args.settings.alarm_email:
            aws.sns.TopicSubscription(
                f"{name}-alarms-by-email",
                topic=topic.arn,
                protocol="email",
                endpoint=args.settings.alarm_email,
                opts=child,
            )
        self.load_balancer = {"LoadBalancer": args.arn_suffix}
        self.target_group = {"TargetGroup": args.target_group_arn_suffix, **self.load_balancer}
        self.topic_arn = topic.arn
        alarms = [
            _make(name, alarm, topic.arn, child)
            for alarm in endpoint_alarms(
                load_balancer=self.load_balancer,
                target_group=self.target_group,
                latency_ms=args.settings.latency_alarm_ms,
            )
        ]
        self.alarm_arns = [alarm.arn for alarm in alarms]
        self.rollback_alarm_names = [alarm.name for alarm in alarms]
        self.register_outputs({"topic_arn": self.topic_arn, "rollback_alarm_names": self.rollback_alarm_names})


@dataclass(frozen=True, kw_only=True)
class ServiceMonitoringArgs:
    """What runs behind the watched endpoint; `min_tasks` is 0 where there may be none at times."""

    endpoint: EndpointMonitoring
    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    model_service: str
    model_version: pulumi.Input[str]
    min_tasks: int


class ServiceMonitoring(pulumi.ComponentResource):
    """Alarms on the tasks and on the model in them, and the dashboard of it all."""

    alarm_arns: Sequence[pulumi.Output[str]]
    dashboard_name: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:ServiceWatch", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        endpoint = args.endpoint
        service: Dimensions = {"ClusterName": args.cluster_name, "ServiceName": args.service_name}
        model: Dimensions = {"Service": args.model_service, "ModelVersion": args.model_version}
        wanted = (
            *service_alarms(service=service, target_group=endpoint.target_group, min_tasks=args.min_tasks),
            *model_alarms(model=model),
        )
        self.alarm_arns = [_make(name, alarm, endpoint.topic_arn, child).arn for alarm in wanted]
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
    """The endpoint's alarms, or None where nobody asked to watch."""
    if not settings.on:
        return None
    args = EndpointMonitoringArgs(
        arn_suffix=endpoint.arn_suffix,
        target_group_arn_suffix=endpoint.target_group_arn_suffix,
        settings=settings,
    )
    return EndpointMonitoring(name, args)


def rollback_alarms(watch: EndpointMonitoring | None) -> Sequence[pulumi.Output[str]]:
    """Names of the alarms that end a deployment; none without a watch."""
    return watch.rollback_alarm_names if watch else ()


def monitor_service(
    name: str, watch: EndpointMonitoring | None, service: FargateService, image: ModelImage, *, min_tasks: int
) -> None:
    """The service's alarms and the dashboard, where the endpoint is watched."""
    if watch:
        args = ServiceMonitoringArgs(
            endpoint=watch,
            cluster_name=service.cluster_name,
            service_name=service.service_name,
            model_service=name,
            model_version=image.model_version,
            min_tasks=min_tasks,
        )
        ServiceMonitoring(name, args)


def _make(
    name: str, alarm: Alarm, topic_arn: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> aws.cloudwatch.MetricAlarm:
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
