"""The init container's command: it lays out Triton's model repository. Standard library only: it starts fast."""
