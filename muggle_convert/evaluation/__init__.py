"""How good depth is: predictions held against measured distances."""
