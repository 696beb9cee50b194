"""`python -m mulaid` is `mulaid`."""

from __future__ import annotations

import sys

from mulaid.cli import main

sys.exit(main())
