"""One check a file: the settings go in, a Finding comes out; `examine` runs them all."""
