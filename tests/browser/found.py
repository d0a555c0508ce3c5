"""Whether there is a browser to test with, and whether there must be one."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
REQUIRED = bool(os.environ.get("CI") or os.environ.get("GMM_COMPARE_REQUIRE_BROWSER"))
ABSENT = not (BROWSER or REQUIRED)
