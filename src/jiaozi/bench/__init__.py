"""Benchmarks: real processes on this machine under load, measured from outside.

Apart from the tests, with fixed seeds and a warm-up; one JSON object per run. What may be said of
a result stands in docs/performance.md. Nothing of Jiaozi imports this package but the command line.
"""
