"""The routes, a module for each thing that can be asked about; each has `add(app, state)`."""
