"""`kubectl glm backtest anomalies`: what the detector would have said on files or on a Prometheus' past."""
