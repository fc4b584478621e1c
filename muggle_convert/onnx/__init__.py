"""Graphs for ONNX Runtime and its like: what such a file says of itself."""
