"""Writing: files that appear whole or not at all, and the encoding of what they hold."""
