"""`FargateService` and tasks that end: task definition, roles, capacity, scaling, rollback."""
