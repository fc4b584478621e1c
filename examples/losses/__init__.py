"""What training minimises, from the papers' equations; each is used by whatever example trains."""
