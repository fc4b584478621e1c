"""The page on which people look into depth: HTML, a style and modules for a browser, which need no network and no build."""
