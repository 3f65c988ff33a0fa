"""The AWS inside the machine: Docker engine, base image, emulator, and a way to deploy without the Pulumi CLI."""
