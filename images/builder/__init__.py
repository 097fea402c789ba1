"""Builds the container images, without Docker where there is none: `python -m images.builder`."""
