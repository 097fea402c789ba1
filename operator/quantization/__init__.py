"""Smaller models from float ones, with a proof: a hold-out set tells what the change costs, and too much is refused.

ONNX and ONNX Runtime are imported inside the functions that need them: they are the extra `quantize`, which the
operator's own image goes without.
"""
