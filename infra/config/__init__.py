"""Settings: one pydantic model per component; `load.py` is the only reader of `pulumi.Config`."""
