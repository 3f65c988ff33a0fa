"""The only reader of the stack's configuration. Every key is declared, with its default, in Pulumi.yaml."""

from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

from infra import naming
from infra.config import checks
from infra.config.networking import endpoint_settings, network_settings
from infra.config.operations import budget_settings, monitoring_settings
from infra.config.settings import (
    CpuArchitecture,
    ImageSettings,
    RegistrySettings,
    ServiceSettings,
    Settings,
)
from infra.config.tasks import batch_task_settings, capacity_settings, scaling_settings
from infra.config.values import ConfigValues, set_command
from infra.errors import ConfigError
from infra.service.fargate_sizes import MEMORY_MIB_BY_CPU, check_fargate_size, nearest_memory_mib


def load_settings() -> Settings:
    """Read and check everything; raises `ConfigError` for the first value that cannot be deployed."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    values = ConfigValues(_project_config(project))
    production = values.boolean("production")
    tags = checks.tags("tags", values.pairs("tags", example="team=search"))
    image = _image(values, Path(".build", stack, "context"))
    service = _service(values, image.cpu_architecture)
    settings = Settings(
        name=naming.base_name(project, stack),
        tags={"project": project, "stack": stack, "managed-by": "pulumi", **tags},
        network=network_settings(values, service),
        registry=_registry(values, naming.repository_name(project, stack), production),
        image=image,
        endpoint=endpoint_settings(values, production=production),
        service=service,
        tasks=batch_task_settings(values),
        watching=monitoring_settings(values),
        budget=budget_settings(values),
        emulated=bool(pulumi.Config("aws").get("endpoints")),
    )
    values.reject_unknown()
    return settings


def _project_config(project: str) -> dict[str, str]:
    config = pulumi.Config(project)
    prefix = f"{project}:"
    keys = [key.removeprefix(prefix) for key in {**get_config_env(), **CONFIG.get()} if key.startswith(prefix)]
    for key in keys:
        if is_config_secret(prefix + key):
            raise ConfigError(
                key=key,
                problem="is stored as a secret, but every setting is readable in what is deployed; "
                "a secret's value belongs in Secrets Manager or SSM",
                command=f"pulumi config rm {key}, then pulumi config set --path 'secrets[0]' 'NAME=ARN'",
            )
    return {key: config.get(key) or "" for key in keys}


def _registry(values: ConfigValues, name: str, production: bool) -> RegistrySettings:
    return RegistrySettings(
        repository_name=name,
        force_delete=not production,
        host=checks.registry_host("registryHost", values.text("registryHost")),
        image_retention_count=values.whole_number("keepImages", low=3, high=1000),
        kms_key_arn=checks.kms_key_arn("registryKmsKeyArn", values.text("registryKmsKeyArn")),
        pull_accounts=checks.account_ids("registryPullAccounts", values.strings("registryPullAccounts")),
        pusher_policy=values.boolean("pusherPolicy"),
    )


def _image(values: ConfigValues, staging: Path) -> ImageSettings:
    architectures: tuple[CpuArchitecture, ...] = ("X86_64", "ARM64")
    settings = ImageSettings(
        uri=checks.image_uri("imageUri", values.text("imageUri")),
        model_version=checks.model_version("modelVersion", values.text("modelVersion")),
        build_on_preview=values.boolean("buildOnPreview"),
        cpu_architecture=values.choice("cpuArchitecture", architectures),
        base_image=values.text("baseImage"),
        approximate_above=values.whole_number("approximateAbove", low=0, high=1_000_000_000),
        ca_bundle=checks.readable_file("caBundle", values.text("caBundle")),
        pip_conf=checks.readable_file("pipConf", values.text("pipConf")),
        staging=staging,
    )
    if settings.model_version and not settings.uri:
        raise ConfigError(
            key="modelVersion",
            problem=f'is "{settings.model_version}", but the image is built here and has the version that '
            "`make train` gave its model; allowed with imageUri alone",
            command="pulumi config rm modelVersion",
        )
    return settings


def _service(values: ConfigValues, cpu_architecture: CpuArchitecture) -> ServiceSettings:
    cpu, memory_mib = _size(values)
    desired_count = values.whole_number("desiredCount", low=0, high=1000)
    environment = values.pairs("environment", example="GREETING=hello")
    secrets = values.pairs("secrets", example="TOKEN=arn:aws:secretsmanager:...")
    log_level = values.choice("logLevel", ("DEBUG", "INFO", "WARNING", "ERROR"))
    return ServiceSettings(
        cpu=cpu,
        memory_mib=memory_mib,
        desired_count=desired_count,
        scaling=scaling_settings(values, desired_count),
        capacity=capacity_settings(values, cpu_architecture),
        enable_execute_command=values.boolean("execCommand"),
        health_check_grace_seconds=values.whole_number("healthCheckGraceSeconds", low=0, high=3600),
        container_start_seconds=values.whole_number("containerStartSeconds", low=0, high=300),
        environment={**checks.environment("environment", environment), "LOG_LEVEL": log_level},
        secrets=checks.secrets("secrets", secrets, environment),
        log_retention_days=checks.log_retention("logRetentionDays", values.text("logRetentionDays")),
    )


def _size(values: ConfigValues) -> tuple[int, int]:
    sizes = sorted(MEMORY_MIB_BY_CPU)
    cpu = int(values.choice("cpu", [str(size) for size in sizes]))
    memory_mib = values.whole_number("memoryMib", low=512, high=120 * 1024)
    try:
        check_fargate_size(cpu, memory_mib)
    except ValueError as error:
        raise ConfigError(
            key="memoryMib",
            problem=f'is "{memory_mib}": {error}',
            command=set_command("memoryMib", nearest_memory_mib(cpu, memory_mib)),
        ) from None
    return cpu, memory_mib
