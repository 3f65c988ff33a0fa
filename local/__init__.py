"""AWS emulated on this machine: Docker engine, base image, emulator, and deployment without the Pulumi CLI."""
