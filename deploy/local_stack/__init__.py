"""The stack `local` from the command line: up, down, status."""
