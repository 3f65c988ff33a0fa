"""`FargateService`, an ECS service, and `BatchJobs`: capacity, autoscaling, roles, logs, failure diagnosis."""
