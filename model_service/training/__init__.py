"""Training: the model in PyTorch, trainers, baselines, evaluation, model card, command line."""
