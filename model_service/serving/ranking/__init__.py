"""Top-k ranking: one definition of a score, exact engines (C, numpy, sharded) and an optional approximate one."""
