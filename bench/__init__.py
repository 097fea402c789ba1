"""Benchmarks: each writes `build/bench/NAME.json` and says with which command it is repeated."""
