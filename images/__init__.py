"""What runs in the pods: container images, the CPU engines of the test image, and sample models."""
