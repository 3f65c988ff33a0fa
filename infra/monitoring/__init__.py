"""Alarms, dashboard and the topic that they tell."""
