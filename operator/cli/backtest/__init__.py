"""`kubectl glm backtest`: what a feature would have done on past data, before it is switched on."""
