"""ONNX Runtime and OpenVINO on CPU as Python-based Triton backends, configured like NVIDIA's own backends."""
