"""The page served on this machine to its own browser: pictures, folders, uploads and a camera, predicted as they are asked for."""
