"""Benchmarks: each figure beside its baseline, measured in one run. Never part of the tests."""
