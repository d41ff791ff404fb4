"""Model bundles: a manifest names every file, `fetch` brings it, `verify` refuses what is not exactly that file."""
