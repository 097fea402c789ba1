"""Builders, each named for what it returns: a custom resource goes in, a Kubernetes object comes out. No I/O."""
