"""How accurate depth is: predictions compared with measured distances."""
