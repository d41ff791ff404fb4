"""Who speaks: shipped personas as TOML, and the loader that checks them."""
