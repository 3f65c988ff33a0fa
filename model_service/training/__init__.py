"""Training: the model in PyTorch, the baselines, the metrics, the command line."""
