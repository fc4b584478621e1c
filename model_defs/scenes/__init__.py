"""Scenes: from what a network says about several views to depth, points in one frame, and the cameras that saw them."""
