"""Anomaly detection: baselines, features and a score that says what made it. Pure: time is an argument."""
