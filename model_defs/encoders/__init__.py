"""One file per image encoder, each to be held next to its paper."""
