"""The services, kernels and limits side by side: `python -m benchmarks` (or `make bench`)."""
