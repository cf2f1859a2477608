#!/usr/bin/env python
"""Django's command line, with Evergreen's settings."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from project.command_line import main

    main(sys.argv)
