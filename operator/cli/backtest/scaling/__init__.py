"""`kubectl glm backtest scaling`: the scaling policies side by side on one load."""
