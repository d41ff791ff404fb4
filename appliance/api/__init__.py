"""HTTP, and nothing but: the page, the token, health, readiness and metrics."""
