"""Copied as `model.py` into each folder of /opt/tritonserver/backends that the engines serve."""

from images.engines.backend import TritonPythonModel

__all__ = ["TritonPythonModel"]
