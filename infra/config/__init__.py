"""Settings: read, checked and typed; `load.py` is the only reader of `pulumi.Config`."""
