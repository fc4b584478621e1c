"""The diagrams of the documents; each file here makes the picture of its name."""
