"""Claims about the configuration: declared once, read once, and refused with a way out."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from infra.config import schema
from infra.config.batch import BatchJob
from infra.config.load import FIELDS, RENAMED, load_settings
from infra.config.service import ScheduledMinimum, WorkingHours
from infra.config.stack import StackSettings
from infra.errors import ConfigError
from tests.infra.recorder import ROOT, run, stack_config

DECLARED: Mapping[str, Mapping[str, object]] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))[
    "config"
]
KMS_KEY_ARN = "arn:aws:kms:eu-central-1:111122223333:key/k"
PARAMETER_ARN = "arn:aws:ssm:eu-central-1:111122223333:parameter/token"


def settings_of(config: Mapping[str, object], stack: str = "dev", secret: str | None = None) -> StackSettings:
    found: list[StackSettings] = []
    keys = [f"recommender:{secret}"] if secret else []
    run(lambda: found.append(load_settings()), config=stack_config(stack, config), secret_keys=keys, stack=stack)
    return found[0]


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_every_stack_file_is_valid(stack: str) -> None:
    assert settings_of({}, stack).tags["stack"] == stack


def test_every_key_has_a_type_a_default_of_that_type_and_a_description() -> None:
    types = {"string": str, "integer": int, "boolean": bool, "array": list}
    for key, spec in DECLARED.items():
        assert type(spec["default"]) is types[str(spec["type"])], key
        assert len(str(spec["description"])) > 10, key


def test_every_declared_key_is_a_field_of_one_model_and_every_field_declared() -> None:
    assert set(FIELDS) == set(DECLARED)


def test_the_declarations_are_those_of_the_models() -> None:
    text = (ROOT / "Pulumi.yaml").read_text(encoding="utf-8")
    assert schema.pulumi_yaml(text) == text, "make docs"
    stale = text.replace("default: 256", "default: 512")
    assert stale != text
    assert schema.pulumi_yaml(stale) == text


def test_every_key_of_a_stack_file_is_declared_or_the_providers() -> None:
    for path in ROOT.glob("Pulumi.*.yaml"):
        keys = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
        ours = {key.removeprefix("recommender:") for key in keys if key.startswith("recommender:")}
        assert ours <= set(DECLARED), path.name
        assert all(key.startswith(("recommender:", "aws:")) for key in keys), path.name


def test_values_arrive_typed() -> None:
    settings = settings_of(
        {
            "cpu": 1024,
            "memoryMib": 4096,
            "allowedCidrs": ["10.0.0.0/8", "2001:db8::/32"],
            "cpuArchitecture": "arm64",
            "buildOnPreview": True,
            "environment": ["GREETING=a=b"],
            "secrets": [f"TOKEN={PARAMETER_ARN}"],
            "publicUrl": "https://films.example.com/",
            "rootPath": "/films/v1",
            "corsOrigins": ["https://films.example.com", "http://localhost:3000"],
            "tags": ["team=search"],
        }
    )
    assert (settings.service.cpu, settings.service.memory_mib) == (1024, 4096)
    assert settings.endpoint.allowed_cidrs == ("10.0.0.0/8", "2001:db8::/32")
    assert settings.image.cpu_architecture == "ARM64"
    assert settings.image.build_on_preview is True
    assert settings.environment == {
        "GREETING": "a=b",
        "LOG_LEVEL": "INFO",
        "ROOT_PATH": "/films/v1",
        "CORS_ORIGINS": "https://films.example.com,http://localhost:3000",
    }
    assert settings.service.secrets == {"TOKEN": PARAMETER_ARN}
    assert settings.endpoint.public_url == "https://films.example.com"
    assert settings.tags["team"] == "search"


WITHOUT_NAT: Mapping[str, object] = {"network": "new", "natGateways": "none", "vpcEndpoints": True}

REFUSED: Mapping[str, tuple[Mapping[str, object], str, str]] = {
    "unknown key": ({"desiredCont": 3}, 'did you mean "desiredCount"', "pulumi config rm desiredCont"),
    "far from any key": ({"zzz": 3}, "allowedCidrs, annMinItems, baseImage", "pulumi config rm zzz"),
    "word": ({"network": "private"}, "allowed: default, existing, new", "pulumi config set network "),
    "architecture": ({"cpuArchitecture": "arm"}, "X86_64, ARM64", "pulumi config set cpuArchitecture ARM64"),
    "truth": ({"production": "yes"}, "allowed: true, false", "pulumi config set production"),
    "number": ({"desiredCount": "two"}, '"two"; allowed: a whole number from 0', "pulumi config set desiredCount 2"),
    "too many": (
        {"healthCheckStartPeriodSeconds": 301},
        "from 0 to 300",
        "pulumi config set healthCheckStartPeriodSeconds 300",
    ),
    "fraction": ({"cpuTargetPercent": 1.5}, "from 10 to 90", "pulumi config set cpuTargetPercent 60"),
    "cpu": ({"cpu": 300}, "256, 512, 1024", "pulumi config set cpu 256"),
    "cpu between": ({"cpu": 1500}, "256, 512, 1024", "pulumi config set cpu 1024"),
    "cpu in words": ({"cpu": "half"}, "256, 512, 1024", "pulumi config set cpu 256"),
    "memory": ({"memoryMib": 4096}, "512, 1024, 2048", "pulumi config set memoryMib 2048"),
    "no list": ({"allowedCidrs": "10.0.0.0/8"}, "a list of texts", "--path 'allowedCidrs[0]'"),
    "list of lists": ({"registryPullAccounts": [["1"]]}, "a list of texts", "--path 'registryPullAccounts[0]'"),
    "list of fractions": ({"publicSubnetIds": [1.5]}, "a list of texts", "--path 'publicSubnetIds[0]'"),
    "number in a list": ({"allowedCidrs": [10]}, 'has "10"', "--path 'allowedCidrs[0]'"),
    "truth value in a list": ({"corsOrigins": [True]}, 'has "true"', "--path 'corsOrigins[0]'"),
    "number for a pair": ({"environment": [1]}, "item 0 that is not NAME=value", "--path 'environment[0]'"),
    "number for an object": ({"batchJobs": [1]}, "allowed: an object", "--path 'batchJobs[0]'"),
    "octal account": (
        {"registryPullAccounts": [0o12345670123]},
        'has "1402433619"; allowed: an account\'s id, 12 digits, in a file in quotes',
        "--path 'registryPullAccounts[0]' '111122223333' --type string",
    ),
    "cidr": ({"allowedCidrs": ["10.0.0.1/8"]}, "has host bits set", "--path 'allowedCidrs[0]'"),
    "address for a cidr": (
        {"allowedCidrs": ["203.0.113.7"]},
        'has "203.0.113.7" without the length of its prefix',
        "--path 'allowedCidrs[0]' '203.0.113.7/32'",
    ),
    "IPv6 address for a cidr": (
        {"allowedCidrs": ["2001:db8::1"]},
        "without the length",
        "--path 'allowedCidrs[0]' '2001:db8::1/128'",
    ),
    "dotted netmask": (
        {"allowedCidrs": ["203.0.113.0/255.255.255.0"]},
        'has "203.0.113.0/255.255.255.0"; allowed',
        "--path 'allowedCidrs[0]' '203.0.113.0/24'",
    ),
    "wildcard mask": (
        {"allowedCidrs": ["203.0.113.0/0.0.0.255"]},
        "allowed: address ranges such as 203.0.113.0/24",
        "--path 'allowedCidrs[0]' '203.0.113.0/24'",
    ),
    "zone of an address": (
        {"allowedCidrs": ["fe80::%eth0/64"]},
        'has "fe80::%eth0/64"',
        "--path 'allowedCidrs[0]' 'fe80::/64'",
    ),
    "IPv4 in IPv6": (
        {"allowedCidrs": ["::ffff:203.0.113.0/120"]},
        'has "::ffff:203.0.113.0/120"',
        "--path 'allowedCidrs[0]' '203.0.113.0/24'",
    ),
    "IPv6 not in its shortest form": (
        {"allowedCidrs": ["2001:DB8:0::/32"]},
        'has "2001:DB8:0::/32"',
        "--path 'allowedCidrs[0]' '2001:db8::/32'",
    ),
    "more cidrs than rules": (
        {"allowedCidrs": [f"10.0.{place}.0/24" for place in range(61)]},
        "has 61 ranges of IPv4 addresses; allowed: at most 60",
        "combine ranges",
    ),
    "more cidrs than rules for two ports": (
        {"allowedCidrs": [f"2001:db8:{place:x}::/48" for place in range(1, 32)], "domain": "films.example.com"},
        "has 31 ranges of IPv6 addresses; allowed: at most 30, since each needs 2 of the 60",
        "combine ranges",
    ),
    "image out of reach": (
        {**WITHOUT_NAT, "imageUri": "ghcr.io/films/recommender:1.0"},
        "tasks without a NAT gateway cannot pull",
        "set natGateways single",
    ),
    "image in another region": (
        {
            **WITHOUT_NAT,
            "aws:region": "eu-central-1",
            "imageUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/films:1.0",
        },
        "an image in ECR in the stack's region, eu-central-1",
        "set imageUri 111122223333.dkr.ecr.eu-central-1.amazonaws.com/recommender:1.0",
    ),
    "second cidr": ({"allowedCidrs": ["10.0.0.0/8", "x"]}, 'has "x"', "--path 'allowedCidrs[1]'"),
    "no cidr": ({"allowedCidrs": []}, "one address range or more", "0.0.0.0/0"),
    "cidr twice": ({"allowedCidrs": ["10.0.0.0/8"] * 2}, "none twice", "0.0.0.0/0"),
    "no vpc": ({"network": "existing"}, "the id of a VPC", "pulumi config set vpcId vpc-"),
    "one subnet": (
        {"network": "existing", "vpcId": "vpc-1", "publicSubnetIds": ["subnet-1"]},
        "two availability zones",
        "--path 'publicSubnetIds[1]'",
    ),
    "one private subnet": (
        {
            "network": "existing",
            "vpcId": "vpc-1",
            "publicSubnetIds": ["subnet-1", "subnet-2"],
            "privateSubnetIds": ["subnet-3"],
        },
        "two availability zones",
        "--path 'privateSubnetIds[1]'",
    ),
    "ids without existing": ({"vpcId": "vpc-1"}, "they go with existing", "pulumi config set network existing"),
    "scaling below what is wanted": ({"desiredCount": 3, "maxCount": 2}, "at least desiredCount, 3", "maxCount 3"),
    "slow start": ({"slowStartSeconds": 10}, "0 (off) or 30 to 900", "pulumi config set slowStartSeconds 30"),
    "retention": ({"logRetentionDays": 31}, "1, 3, 5, 7, 14, 30", "pulumi config set logRetentionDays 30"),
    "environment": ({"environment": ["GREETING"]}, "item 0 that is not NAME=value", "--path 'environment[0]'"),
    "environment name": ({"environment": ["1A=x"]}, 'names "1A"', "--path 'environment[0]'"),
    "environment twice": ({"environment": ["A=1", "A=2"]}, "names A twice", "--path 'environment[1]'"),
    "environment of ours": ({"environment": ["PORT=1"]}, "which the program sets", "--path 'environment[0]'"),
    "secret in both": (
        {"environment": ["A=1"], "secrets": [f"A={PARAMETER_ARN}"]},
        "names A, which environment names too",
        "--path 'secrets[0]'",
    ),
    "key of no secret": ({"secretsKmsKeyArns": [KMS_KEY_ARN]}, "there are no secrets", "--path 'secrets[0]'"),
    "key of a secret": (
        {"secrets": [f"A={PARAMETER_ARN}"], "secretsKmsKeyArns": ["alias/x"]},
        "ARNs of KMS keys",
        "--path 'secretsKmsKeyArns[0]' 'arn:aws:kms",
    ),
    "secret by name": ({"secrets": ["A=token"]}, "the ARN of a Secrets Manager secret", ":secret:NAME-AbCdEf"),
    "image without tag": ({"imageUri": "ghcr.io/films/app"}, "neither a tag nor a digest", "set imageUri "),
    "image with spaces": ({"imageUri": "a b"}, "allowed: [host/]repository:tag", "set imageUri "),
    "version of an image built here": ({"modelVersion": "0123456789ab"}, "imageUri alone", "rm modelVersion"),
    "version": ({"imageUri": "a:1", "modelVersion": "v1"}, "12 hex digits", "set modelVersion 0123"),
    "url": ({"publicUrl": "films.example.com"}, "allowed: a URL", "set publicUrl https://"),
    "prefix without a slash": ({"rootPath": "films/"}, 'is "films/"; allowed: a path', "set rootPath /films"),
    "prefix of everything": ({"rootPath": "/"}, "allowed: a path such as /recommender", "rm rootPath"),
    "prefix with a pattern": ({"rootPath": "/films/*"}, "A-Z a-z 0-9 . _ ~ -", "set rootPath /recommender"),
    "prefix upwards": ({"rootPath": "/films/../x"}, "begins with a dot", "set rootPath /recommender"),
    "long prefix": ({"rootPath": "/" + "x" * 126}, "at most 126 characters", "set rootPath /recommender"),
    "origin": ({"corsOrigins": ["films.example.com"]}, "has no scheme such as https://", "--path 'corsOrigins[0]'"),
    "second origin": (
        {"corsOrigins": ["https://a.example", "https://b.example/"]},
        'has "https://b.example/", which has a path, or a / at its end',
        "--path 'corsOrigins[1]' 'https://films.example.com'",
    ),
    "registry": ({"registryHost": "https://localhost"}, "host or host:port", "set registryHost localhost:4566"),
    "key": ({"registryKmsKeyArn": "alias/x"}, "the ARN of a KMS key", "set registryKmsKeyArn arn:aws:kms"),
    "account": ({"registryPullAccounts": ["12"]}, "12 digits", "--path 'registryPullAccounts[0]'"),
    "ca bundle": ({"caBundle": "/no/such.pem"}, "where there is no file", "pulumi config rm caBundle"),
    "home of nobody": ({"pipConf": "~no-such-user/pip.conf"}, "where there is no file", "pulumi config rm pipConf"),
    "domain": ({"domain": "films"}, "films.example.com", "set domain films.example.com"),
    "zone": ({"domain": "films.example.com", "hostedZoneId": "x"}, "a hosted zone", "set hostedZoneId Z"),
    "zone without domain": ({"hostedZoneId": "Z1"}, "there is no domain", "set domain films.example.com"),
    "certificate": ({"certificateArn": "arn:x"}, "a certificate in ACM", "set certificateArn arn:aws:acm"),
    "certificate without a name": (
        {"certificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"},
        "with publicUrl (https) or domain",
        "set publicUrl https://",
    ),
    "rate": ({"wafRateLimit": 9}, "0 (off) or 10", "set wafRateLimit 10"),
    "ipv6 elsewhere": ({"ipv6": True}, "allowed with existing", "set network existing"),
    "ipv6 for nobody": (
        {
            "ipv6": True,
            "network": "existing",
            "vpcId": "vpc-1",
            "publicSubnetIds": ["subnet-1", "subnet-2"],
        },
        "has no IPv6 range",
        "--path 'allowedCidrs[1]' '::/0'",
    ),
    "spot on machines": ({"launchType": "EC2", "spotPercent": 10}, "with FARGATE", "rm spotPercent"),
    "no instance type": ({"instanceType": "big"}, "a type of EC2 instance", "set instanceType t3.medium"),
    "arm machine for x86": (
        {"launchType": "EC2", "instanceType": "m7g.large"},
        "an ARM machine, which cannot run the image",
        "set instanceType t3.medium",
    ),
    "x86 machine for arm": (
        {"launchType": "EC2", "cpuArchitecture": "ARM64"},
        "an x86 machine, which cannot run the image",
        "set instanceType t4g.medium",
    ),
    "no room for a deployment": (
        {"launchType": "EC2", "desiredCount": 8},
        'is "4", which 8 tasks fill: 2 fit on a t3.medium',
        "set maxInstances 5",
    ),
    "no room for a deployment at the peak": (
        {"launchType": "EC2", "maxCount": 6, "maxInstances": 3},
        "which 6 tasks fill",
        "set maxInstances 4",
    ),
    "too small a machine": (
        {"launchType": "EC2", "cpu": 4096, "memoryMib": 8192},
        "none fits on a t3.medium: it has 2048 units and 3809 MiB",
        "set instanceType ",
    ),
    "bridge on Fargate": ({"networkMode": "bridge"}, "allowed with EC2", "set launchType EC2"),
    "GPUs on Fargate": ({"gpus": 1}, "launchType is FARGATE, which has none", "set launchType EC2"),
    "GPUs of no GPU type": (
        {"launchType": "EC2", "gpus": 1},
        "which has none for tasks",
        "set instanceType g4dn.xlarge",
    ),
    "more GPUs than there are": (
        {"launchType": "EC2", "instanceType": "g4dn.xlarge", "gpus": 2},
        "a g4dn.xlarge has 1",
        "set instanceType g4dn.12xlarge",
    ),
    "GPUs for ARM": (
        {"launchType": "EC2", "instanceType": "g4dn.xlarge", "gpus": 1, "cpuArchitecture": "ARM64", "desiredCount": 1},
        "an x86 machine, which cannot run the image",
        "set cpuArchitecture X86_64",
    ),
    "job with GPUs on Fargate": (
        {"batchJobs": ['{"name": "train", "command": ["x"], "gpus": 1}']},
        "batchJobs[0] asks for 1 GPUs, but launchType is FARGATE",
        "set launchType EC2",
    ),
    "job with more GPUs than there are": (
        {
            "launchType": "EC2",
            "instanceType": "g5.xlarge",
            "batchJobs": ['{"name": "train", "command": ["x"], "gpus": 4}'],
        },
        "a g5.xlarge has 1",
        "set instanceType g",
    ),
    "job too large for the machine": (
        {
            "launchType": "EC2",
            "instanceType": "g5.xlarge",
            "batchJobs": ['{"name": "train", "command": ["x"], "gpus": 1, "cpu": 8192, "memoryMib": 16384}'],
        },
        "none fits on a g5.xlarge",
        "set instanceType g",
    ),
    "cluster": ({"clusterArn": "films"}, "the ARN of an ECS cluster", "set clusterArn arn:aws:ecs"),
    "machines for a cluster of somebody else": (
        {"launchType": "EC2", "clusterArn": "arn:aws:ecs:eu-central-1:111122223333:cluster/ours"},
        "a cluster that is not managed here",
        "rm clusterArn",
    ),
    "execution role": ({"executionRoleArn": "films"}, "the ARN of an IAM role", "set executionRoleArn arn:aws:iam"),
    "task role": ({"taskRoleArn": "films"}, "the ARN of an IAM role", "set taskRoleArn arn:aws:iam"),
    "rights of a job that an existing role has or not": (
        {
            "taskRoleArn": "arn:aws:iam::111122223333:role/runs",
            "batchJobs": ['{"name": "a", "command": ["x"], "s3Write": ["s3://films/out/"]}'],
        },
        "to which s3Read and s3Write of batchJobs[0] can add no right",
        """--path 'batchJobs[0]' '{"name": "a", "command": ["x"]}'""",
    ),
    "key for an existing role": (
        {
            "executionRoleArn": "arn:aws:iam::111122223333:role/starts",
            "secrets": [f"A={PARAMETER_ARN}"],
            "secretsKmsKeyArns": [KMS_KEY_ARN],
        },
        "to which secretsKmsKeyArns can add no right",
        "rm secretsKmsKeyArns",
    ),
    "hours": ({"workingHours": "9 to 5"}, "a time and a later one", "set workingHours 'MON-FRI 07:00-20:00"),
    "hours over night": ({"workingHours": "MON-FRI 20:00-07:00"}, "a later one on the same day", "set workingHours"),
    "task that is no JSON": ({"batchJobs": ["score"]}, "is no JSON", "--path 'batchJobs[0]'"),
    "task that is no object": ({"batchJobs": ["[]"]}, "allowed: an object", "--path 'batchJobs[0]'"),
    "task without a command": ({"batchJobs": ['{"name": "score"}']}, "a list of texts", "--path 'batchJobs[0]'"),
    "task with a shell string": (
        {"batchJobs": ['{"name": "score", "command": "python3 -m score"}']},
        "the program and its arguments, a list of texts",
        "--path 'batchJobs[0]'",
    ),
    "task with a bad name": (
        {"batchJobs": ['{"name": "A", "command": ["x"]}']},
        "a letter, then",
        "--path 'batchJobs[0]'",
    ),
    "task with an unknown member": (
        {"batchJobs": ['{"name": "a", "command": ["x"], "when": "now"}']},
        "has when; allowed: command, cpu",
        "--path 'batchJobs[0]'",
    ),
    "task of an impossible size": (
        {"batchJobs": ['{"name": "a", "command": ["x"], "memoryMib": 9000}']},
        "512, 1024, 2048",
        "--path 'batchJobs[0]'",
    ),
    "task with a bad schedule": (
        {"batchJobs": ['{"name": "a", "command": ["x"], "schedule": "daily"}']},
        "rate(1 day)",
        "--path 'batchJobs[0]'",
    ),
    "task with a bad prefix": (
        {"batchJobs": ['{"name": "a", "command": ["x"], "s3Read": ["films/in"]}']},
        "s3://bucket/folder/",
        "--path 'batchJobs[0]'",
    ),
    "tasks of one name": (
        {"batchJobs": ['{"name": "a", "command": ["x"]}', '{"name": "a", "command": ["y"]}']},
        "distinct names",
        "--path 'batchJobs[1]'",
    ),
    "floor without a number": (
        {"scheduledMinimums": ['{"name": "m", "schedule": "rate(1 day)"}']},
        "a whole number from 0 to 1000",
        "--path 'scheduledMinimums[0]'",
    ),
    "NAT gateways elsewhere": ({"natGateways": "single"}, "allowed with network new", "set network new"),
    "no NAT gateways elsewhere": ({"natGateways": "none"}, "allowed with network new", "rm natGateways"),
    "target for nothing": ({"cpuTargetPercent": 50}, "allowed with maxCount", "set maxCount 2"),
    "memory for nothing": ({"memoryTargetPercent": 70}, "allowed with maxCount", "rm memoryTargetPercent"),
    "requests for nothing": ({"requestsPerTarget": 9}, "allowed with maxCount", "rm requestsPerTarget"),
    "machine of nothing": ({"instanceType": "t3.large"}, "allowed with EC2", "set launchType EC2"),
    "machines of nothing": ({"maxInstances": 9}, "allowed with EC2", "rm maxInstances"),
    "latency of no alarm": ({"latencyP95AlarmMs": 9}, "allowed with monitoring", "set monitoring true"),
    "no way out": ({"network": "new", "natGateways": "none"}, "cannot pull", "set vpcEndpoints true"),
    "endpoints elsewhere": ({"vpcEndpoints": True}, "for a new VPC alone", "set network new"),
    "alarms of nobody": ({"alarmEmail": "a@example.com"}, "allowed with monitoring", "set monitoring true"),
    "address": ({"monitoring": True, "alarmEmail": "team"}, "an e-mail address", "set alarmEmail team@"),
    "budget of nobody": ({"monthlyBudgetUsd": 9}, "goes with budgetEmail", "set budgetEmail team@"),
    "mail of no budget": ({"budgetEmail": "a@example.com"}, "goes with monthlyBudgetUsd", "monthlyBudgetUsd 100"),
    "latency": ({"latencyP95AlarmMs": 0}, "from 1 to 60000", "set latencyP95AlarmMs 1"),
    "tag of the program": ({"tags": ["project=shop"]}, "the same as the program's own", "--path 'tags[0]'"),
    "tag of the program in another case": (
        {"tags": ["a=b", "Project=shop"]},
        "IAM does not tell case apart",
        "--path 'tags[1]'",
    ),
    "managed-by": ({"tags": ["Managed-By=me"]}, "the same as the program's own", "--path 'tags[0]'"),
    "tags that differ by case": ({"tags": ["Owner=a", "owner=b"]}, 'the same as "Owner"', "--path 'tags[1]'"),
    "tag's characters": ({"tags": ["owner=R&D, search (EU)"]}, "with & ( ) ,; allowed: letters", "--path 'tags[0]'"),
    "tag's name": ({"tags": ["a;b=c"]}, "with ;", "--path 'tags[0]'"),
    "tag with a tab": ({"tags": ["a=b\tc"]}, "allowed: letters, digits, spaces", "--path 'tags[0]'"),
    "tag's reserved value": ({"tags": ["a=AWS:x"]}, "not beginning with aws:", "--path 'tags[0]'"),
    "tag without a name": ({"tags": ["=x"]}, "is not NAME=value", "--path 'tags[0]'"),
    "tag twice": ({"tags": ["a=1", "a=2"]}, "names a twice", "--path 'tags[1]'"),
    "48 tags": ({"tags": [f"k{n}=v" for n in range(48)]}, "48 tags; allowed: at most 47", "remove 1 of them"),
    "47 tags and Name": (
        {"network": "new", "tags": [f"k{n}=v" for n in range(47)]},
        "at most 46, since a resource has at most 50",
        "remove 1 of them",
    ),
    "tag": ({"tags": ["aws:x=1"]}, "not beginning with aws:", "--path 'tags[0]'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_value_is_refused_with_what_is_allowed_and_the_command(case: str) -> None:
    config, allowed, command = REFUSED[case]
    with pytest.raises(ConfigError) as refusal:
        settings_of(config)
    message, _, mend = str(refusal.value).partition("\nTo fix it: ")
    assert message.startswith(f"recommender:{refusal.value.key} ")
    assert allowed in message
    assert command in mend


@pytest.mark.parametrize(
    "tags", [[f"k{n}=v" for n in range(47)], ["größe=Köln 東京 ٣"], ["cost/center=a@b.c:1+2-3=4_"], ["empty="]]
)
def test_a_tag_that_every_service_takes_is_accepted(tags: list[str]) -> None:
    assert len(settings_of({"tags": tags}).tags) == len(tags) + 3


@pytest.mark.parametrize(
    ("item", "account"),
    [("111122223333", "111122223333"), (111122223333, "111122223333"), (12345678901, "012345678901")],
)
def test_an_account_is_read_as_the_cli_and_yaml_write_it(item: object, account: str) -> None:
    assert settings_of({"registryPullAccounts": [item]}).registry.pull_accounts == (account,)


@pytest.mark.parametrize(
    "config",
    [
        {"imageUri": "444455556666.dkr.ecr.eu-central-1.amazonaws.com/films:1.0"},
        {"imageUri": "444455556666.dkr.ecr.eu-central-1.amazonaws.com/films:1.0", "aws:region": None},
        {"imageUri": "registry.example.com/films:1.0", "registryHost": "registry.example.com"},
        {"imageUri": "ghcr.io/films/recommender:1.0", "natGateways": "single"},
    ],
)
def test_an_image_that_tasks_can_pull_is_allowed(config: Mapping[str, object]) -> None:
    """Without a NAT gateway: from ECR in the stack's region, of any account."""
    assert settings_of({**WITHOUT_NAT, **config}).image.uri == config["imageUri"]


def test_the_region_of_an_image_is_compared_with_that_of_the_provider_as_far_as_it_is_known() -> None:
    uri = "444455556666.dkr.ecr.us-east-1.amazonaws.com/films:1.0"
    with pytest.raises(ConfigError, match=r"imageUri.*in the stack's region, eu-central-1"):
        settings_of({**WITHOUT_NAT, "imageUri": uri, "aws:region": None})
    settings = settings_of({**WITHOUT_NAT, "imageUri": uri, "aws:region": "us-east-1"})
    settings.model_copy(update={"region": ""}).check()


def test_as_many_ranges_are_allowed_as_a_security_group_has_rules() -> None:
    ranges = [f"10.0.{place}.0/24" for place in range(60)] + [f"2001:db8:{place:x}::/48" for place in range(1, 61)]
    assert len(settings_of({"allowedCidrs": ranges}).endpoint.allowed_cidrs) == 120


def test_an_internal_balancer_needs_no_public_subnets() -> None:
    given = {"network": "existing", "vpcId": "vpc-1", "privateSubnetIds": ["subnet-1", "subnet-2"]}
    assert settings_of({**given, "internal": True}).network.internal is True
    with pytest.raises(ConfigError, match="publicSubnetIds is"):
        settings_of(given)


def test_private_endpoints_follow_the_secrets() -> None:
    config = {"network": "new", "vpcEndpoints": True}
    assert "ssm" not in settings_of(config).vpc_endpoint_services
    assert "ssm" in settings_of({**config, "secrets": [f"TOKEN={PARAMETER_ARN}"]}).vpc_endpoint_services
    assert settings_of({"network": "new"}).vpc_endpoint_services == ()


def test_a_task_is_read_with_its_command_whole() -> None:
    text = '{"name": "score", "command": ["a b", "c,d", "-m"], "s3Write": ["s3://films/out/"], "cpu": 512}'
    text = text.replace("}", ', "memoryMib": 1024}')
    (task,) = settings_of({"batchJobs": [text]}).batch.jobs
    assert task.command == ("a b", "c,d", "-m")
    assert (task.s3_read, task.s3_write) == ((), ("s3://films/out/",))
    assert (task.cpu, task.memory_mib, task.schedule, task.timezone) == (512, 1024, "", "UTC")


def test_the_examples_in_the_messages_are_accepted() -> None:
    examples = {
        "batchJobs": [json.dumps(BatchJob.EXAMPLE)],
        "scheduledMinimums": [json.dumps(ScheduledMinimum.EXAMPLE)],
    }
    settings = settings_of(examples)
    assert settings.batch.jobs[0].schedule
    assert settings.service.scheduled_minimums[0].min_count == 4


def test_working_hours_are_read() -> None:
    hours = settings_of({"workingHours": "MON-THU,SAT 07:00-20:30"}).service.hours
    assert hours == WorkingHours(days="MON-THU,SAT", start="07:00", end="20:30", timezone="UTC")


def test_the_command_in_a_message_mends_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        settings_of({"memoryMib": 9999, "cpu": 512})
    key, value = str(refusal.value).split("pulumi config set ")[1].split()
    assert settings_of({"cpu": 512, key: value}).service.memory_mib == 4096


def test_a_value_under_secrets_is_not_repeated_in_the_message() -> None:
    with pytest.raises(ConfigError, match="for TOKEN a value that is not the ARN") as refusal:
        settings_of({"secrets": ["TOKEN=hunter2"]})
    assert "hunter2" not in str(refusal.value)


def test_a_setting_stored_as_a_secret_is_refused_unread() -> None:
    with pytest.raises(ConfigError, match="is stored as a secret") as refusal:
        settings_of({"environment": ["PASSWORD=hunter2"]}, secret="environment")
    assert "hunter2" not in str(refusal.value)
    assert "secrets[0]" in str(refusal.value)


def test_every_problem_of_a_configuration_is_in_one_message() -> None:
    with pytest.raises(ConfigError) as refusal:
        settings_of({"cpu": 300, "logRetentionDays": 8, "desiredcount": 3})
    message = str(refusal.value)
    for key in ("cpu", "logRetentionDays", "desiredcount"):
        assert message.count(f"recommender:{key} ") == 1
    assert message.count("To fix it: ") == 3


def test_without_the_cli_the_stack_local_is_fixed_in_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    lines = (ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8").splitlines()
    number = lines.index("  recommender:desiredCount: 2") + 1
    for config, fix in (
        ({"desiredCount": -1}, f"edit Pulumi.local.yaml, line {number}: recommender:desiredCount: 0"),
        ({"cpu": 300}, "add to Pulumi.local.yaml, under config: recommender:cpu: 256"),
        ({"desiredcount": 2}, "remove recommender:desiredcount from Pulumi.local.yaml"),
    ):
        with pytest.raises(ConfigError) as refusal:
            settings_of(config, stack="local")
        assert fix in str(refusal.value)


def test_with_the_cli_the_stack_local_is_fixed_by_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/pulumi")
    with pytest.raises(ConfigError, match="To fix it: pulumi config set cpu 256"):
        settings_of({"cpu": 300}, stack="local")


@pytest.mark.parametrize(
    ("old", "value", "fix"),
    [
        ("watching", True, "pulumi config set monitoring true && pulumi config rm watching"),
        ("approximateAbove", 9, "pulumi config set annMinItems 10 && pulumi config rm approximateAbove"),
        ("tasks", ["{}"], "rename tasks to batchJobs in the stack's file"),
    ],
)
def test_a_former_key_is_refused_with_its_new_name(old: str, value: object, fix: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        settings_of({old: value})
    assert f"recommender:{old} is now {RENAMED[old]}\nTo fix it: {fix}" in str(refusal.value)


def test_every_former_key_has_a_name_that_exists_and_a_row_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert set(RENAMED.values()) <= set(FIELDS)
    assert not set(RENAMED) & set(FIELDS)
    for old, new in RENAMED.items():
        assert f"| `{old}` | `{new}`" in changelog
