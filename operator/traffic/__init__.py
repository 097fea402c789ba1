"""The traffic loop: samples of the pods in, weights to the gateway out, once a second."""
