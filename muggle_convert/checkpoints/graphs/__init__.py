"""ONNX files: what a graph takes and gives, and where its numbers lie, read without running or building anything of it."""
