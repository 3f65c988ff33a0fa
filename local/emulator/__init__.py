"""MiniStack, completed where the way through needs it: target health, and a port for the load balancer."""
