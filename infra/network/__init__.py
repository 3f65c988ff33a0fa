"""`Network`: the default VPC, an existing one, or a new one."""
