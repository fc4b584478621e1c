"""How the transformers library names the tensors of the families it has: one file each, and the decoder that they share."""
