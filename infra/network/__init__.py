"""`Network`: the default VPC, a given one, or a new one."""
