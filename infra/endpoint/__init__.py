"""`LoadBalancedEndpoint`: load balancer, target group, listeners, certificate, logs, firewall."""
