"""Alarms, their SNS topic, and the dashboard."""
