"""The `kubectl glm` plugin."""
