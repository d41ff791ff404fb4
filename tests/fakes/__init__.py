"""One full fake per engine, for tests of what stands above it."""
