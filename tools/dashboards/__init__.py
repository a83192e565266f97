"""Grafana's dashboards, written by a program because they have so much in common."""
