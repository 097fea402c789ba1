"""The demo, and the steps that the tests on a real cluster share with it: install, apply, wait, ask."""
