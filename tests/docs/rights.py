"""What each kind of resource takes to be made, read, changed and deleted by the provider.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS services"
(docs.aws.amazon.com).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _of(service: str, actions: str) -> frozenset[str]:
    return frozenset(f"{service}:{action}" for action in actions.split())


_GROUP_RULE: Final = "ModifySecurityGroupRules DescribeSecurityGroupRules CreateTags"
_INLINE: Final = _of("iam", "PutRolePolicy GetRolePolicy DeleteRolePolicy")

RIGHTS: Final[Mapping[str, frozenset[str]]] = {
    "aws:acm/certificate:Certificate": _of(
        "acm",
        "RequestCertificate DescribeCertificate DeleteCertificate AddTagsToCertificate ListTagsForCertificate",
    ),
    "aws:acm/certificateValidation:CertificateValidation": _of("acm", "DescribeCertificate"),
    "aws:appautoscaling/policy:Policy": _of(
        "application-autoscaling", "PutScalingPolicy DeleteScalingPolicy DescribeScalingPolicies"
    )
    | _of("cloudwatch", "PutMetricAlarm DeleteAlarms DescribeAlarms"),
    "aws:appautoscaling/scheduledAction:ScheduledAction": _of(
        "application-autoscaling", "PutScheduledAction DeleteScheduledAction DescribeScheduledActions"
    ),
    "aws:appautoscaling/target:Target": _of(
        "application-autoscaling",
        "RegisterScalableTarget DeregisterScalableTarget DescribeScalableTargets ListTagsForResource TagResource",
    )
    | {"iam:CreateServiceLinkedRole", "ecs:DescribeServices", "ecs:UpdateService"},
    "aws:autoscaling/group:Group": _of(
        "autoscaling",
        "CreateAutoScalingGroup UpdateAutoScalingGroup DeleteAutoScalingGroup DescribeAutoScalingGroups "
        "DescribeScalingActivities SetInstanceProtection CreateOrUpdateTags",
    )
    | {"ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"},
    "aws:budgets/budget:Budget": _of("budgets", "ViewBudget ModifyBudget TagResource ListTagsForResource"),
    "aws:cloudwatch/dashboard:Dashboard": _of("cloudwatch", "PutDashboard GetDashboard DeleteDashboards"),
    "aws:cloudwatch/logGroup:LogGroup": _of(
        "logs", "CreateLogGroup DeleteLogGroup DescribeLogGroups PutRetentionPolicy ListTagsForResource TagResource"
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _of(
        "cloudwatch", "PutMetricAlarm DeleteAlarms DescribeAlarms ListTagsForResource TagResource"
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": _of(
        "ec2",
        "CreateLaunchTemplate CreateLaunchTemplateVersion ModifyLaunchTemplate DeleteLaunchTemplate "
        "DescribeLaunchTemplates DescribeLaunchTemplateVersions CreateTags",
    )
    | {"ssm:GetParameters"},
    "aws:ec2/securityGroup:SecurityGroup": _of(
        "ec2",
        "CreateSecurityGroup DeleteSecurityGroup DescribeSecurityGroups RevokeSecurityGroupEgress CreateTags "
        "DescribeNetworkInterfaces",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _of(
        "ec2",
        "CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpoints DescribePrefixLists CreateTags",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _of(
        "ecr", "PutLifecyclePolicy GetLifecyclePolicy DeleteLifecyclePolicy"
    ),
    "aws:ecr/repository:Repository": _of(
        "ecr",
        "CreateRepository DeleteRepository DescribeRepositories PutImageScanningConfiguration PutImageTagMutability "
        "TagResource ListTagsForResource",
    )
    | _of("ecr", "GetAuthorizationToken BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart PutImage")
    | _of("ecr", "CompleteLayerUpload BatchGetImage GetDownloadUrlForLayer"),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": _of(
        "ecr", "SetRepositoryPolicy GetRepositoryPolicy DeleteRepositoryPolicy"
    ),
    "aws:ecs/capacityProvider:CapacityProvider": _of(
        "ecs", "CreateCapacityProvider UpdateCapacityProvider DeleteCapacityProvider DescribeCapacityProviders"
    ),
    "aws:ecs/cluster:Cluster": _of("ecs", "CreateCluster UpdateCluster DeleteCluster DescribeClusters TagResource")
    | {"iam:CreateServiceLinkedRole"},
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": _of(
        "ecs", "PutClusterCapacityProviders DescribeClusters"
    ),
    "aws:ecs/service:Service": _of(
        "ecs", "CreateService UpdateService DeleteService DescribeServices ListTasks DescribeTasks TagResource"
    )
    | {"elasticloadbalancing:DescribeTargetHealth", "logs:GetLogEvents"},
    "aws:ecs/taskDefinition:TaskDefinition": _of("ecs", "RegisterTaskDefinition DescribeTaskDefinition TagResource")
    | {"iam:PassRole"},
    "aws:iam/instanceProfile:InstanceProfile": _of(
        "iam",
        "CreateInstanceProfile GetInstanceProfile DeleteInstanceProfile AddRoleToInstanceProfile "
        "RemoveRoleFromInstanceProfile TagInstanceProfile PassRole",
    ),
    "aws:iam/policy:Policy": _of(
        "iam",
        "CreatePolicy GetPolicy GetPolicyVersion DeletePolicyVersion ListPolicyVersions DeletePolicy TagPolicy",
    ),
    "aws:iam/role:Role": _of(
        "iam",
        "CreateRole GetRole UpdateRole DeleteRole TagRole ListRolePolicies ListAttachedRolePolicies "
        "ListInstanceProfilesForRole PutRolePermissionsBoundary",
    ),
    "aws:iam/rolePolicy:RolePolicy": _INLINE,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _of(
        "iam", "AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies"
    ),
    "aws:lb/listener:Listener": _of(
        "elasticloadbalancing",
        "CreateListener ModifyListener DeleteListener DescribeListeners DescribeListenerAttributes DescribeTags "
        "AddTags",
    ),
    "aws:lb/listenerRule:ListenerRule": _of(
        "elasticloadbalancing", "CreateRule ModifyRule DeleteRule DescribeRules DescribeTags AddTags"
    ),
    "aws:lb/loadBalancer:LoadBalancer": _of(
        "elasticloadbalancing",
        "CreateLoadBalancer DeleteLoadBalancer DescribeLoadBalancers DescribeLoadBalancerAttributes "
        "ModifyLoadBalancerAttributes SetSecurityGroups SetSubnets SetIpAddressType DescribeTags AddTags",
    )
    | {"iam:CreateServiceLinkedRole"},
    "aws:lb/targetGroup:TargetGroup": _of(
        "elasticloadbalancing",
        "CreateTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes DeleteTargetGroup DescribeTargetGroups "
        "DescribeTargetGroupAttributes DescribeTags AddTags",
    ),
    "aws:route53/record:Record": _of(
        "route53", "ChangeResourceRecordSets ListResourceRecordSets GetHostedZone GetChange ListHostedZones"
    ),
    "aws:s3/bucket:Bucket": _of(
        "s3",
        "CreateBucket DeleteBucket ListBucket GetBucketLocation GetBucketTagging PutBucketTagging "
        "GetEncryptionConfiguration GetLifecycleConfiguration GetReplicationConfiguration GetAccelerateConfiguration "
        "ListBucketVersions DeleteObject DeleteObjectVersion",
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _of(
        "s3", "PutLifecycleConfiguration GetLifecycleConfiguration"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _of("s3", "PutBucketPolicy GetBucketPolicy DeleteBucketPolicy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _of(
        "s3", "PutBucketPublicAccessBlock GetBucketPublicAccessBlock"
    ),
    "aws:scheduler/schedule:Schedule": _of("scheduler", "CreateSchedule GetSchedule UpdateSchedule DeleteSchedule")
    | {"iam:PassRole"},
    "aws:sns/topic:Topic": _of(
        "sns", "CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes ListTagsForResource TagResource"
    ),
    "aws:sns/topicSubscription:TopicSubscription": _of(
        "sns", "Subscribe Unsubscribe GetSubscriptionAttributes SetSubscriptionAttributes"
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _of(
        "ec2", f"AuthorizeSecurityGroupEgress RevokeSecurityGroupEgress {_GROUP_RULE}"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _of(
        "ec2", f"AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress {_GROUP_RULE}"
    ),
    "aws:wafv2/webAcl:WebAcl": _of(
        "wafv2", "CreateWebACL GetWebACL UpdateWebACL DeleteWebACL ListTagsForResource TagResource"
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": _of(
        "wafv2", "AssociateWebACL DisassociateWebACL GetWebACLForResource"
    )
    | {"elasticloadbalancing:SetWebACL"},
    "awsx:ec2:Vpc": _of(
        "ec2",
        "CreateVpc ModifyVpcAttribute DeleteVpc DescribeVpcs DescribeVpcAttribute DescribeAvailabilityZones "
        "CreateSubnet ModifySubnetAttribute DeleteSubnet DescribeSubnets CreateInternetGateway AttachInternetGateway "
        "DetachInternetGateway DeleteInternetGateway DescribeInternetGateways AllocateAddress DisassociateAddress "
        "ReleaseAddress DescribeAddresses CreateNatGateway DeleteNatGateway DescribeNatGateways CreateRouteTable "
        "AssociateRouteTable DisassociateRouteTable DeleteRouteTable DescribeRouteTables CreateRoute ReplaceRoute "
        "DeleteRoute CreateTags DeleteTags",
    ),
}
