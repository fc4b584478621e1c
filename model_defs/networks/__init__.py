"""Networks that are put together in another way than the paper's."""
