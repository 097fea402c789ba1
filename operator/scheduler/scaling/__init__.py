"""How many replicas: offered requests per second in, a decision with its reason out.

`rates` turns counters into a load, `decide` a load into replicas (`panic` and `behavior` are its parts, `rules` its
settings), `forecast` learns from the past what the load may become before a new pod can serve.
"""
