"""`python -m appliance` and the `appliance` command: both are the command line of `appliance.cli`."""

from __future__ import annotations

import sys

from appliance.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
