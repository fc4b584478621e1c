"""Everything that is written: files that appear whole or not at all, and what goes into them."""
