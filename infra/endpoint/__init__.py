"""`LoadBalancedEndpoint`: load balancer, target group, listeners, certificate, access logs, WAF."""
