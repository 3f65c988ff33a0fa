"""What is measured against: each module is one service, run in an environment of its own."""
