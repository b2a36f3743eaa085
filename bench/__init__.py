"""Benchmarks. Each result is compared with a floor, a simpler program measured in the same run."""
