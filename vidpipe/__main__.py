"""`python -m vidpipe`: the command line."""

from __future__ import annotations

import sys

from vidpipe.cli.main import main

sys.exit(main())
