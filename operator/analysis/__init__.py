"""Offline checks of GLMInferences and of what stands beside them in the same files. Pure: text in, findings out."""
