"""How fast, against what people have today. Start with `python benchmarks/run.py --help`."""
