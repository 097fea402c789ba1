"""Anomaly detection: baselines, features and a score between 0 and 1 that says what made it. Pure: time is an argument."""
