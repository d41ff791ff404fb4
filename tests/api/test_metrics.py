"""GET /metrics."""

from __future__ import annotations

import httpx2

from appliance.metrics import barge_ins


async def test_every_counter_is_there(client: httpx2.AsyncClient) -> None:
    barge_ins.inc()
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    for name in (
        "appliance_barge_ins_total",
        "appliance_sfu_restarts_total",
        "# TYPE appliance_engine_call_seconds histogram",
    ):
        assert name in response.text
