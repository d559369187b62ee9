"""The parts of benchmarks/fuzz.py: each makes hostile cases of one kind and judges what came of them."""
