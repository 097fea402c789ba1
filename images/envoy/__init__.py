"""Envoy, the gateway."""
