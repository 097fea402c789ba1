"""Sample models for demonstrations, tests and benchmarks, made here from fixed seeds: nothing is downloaded."""
