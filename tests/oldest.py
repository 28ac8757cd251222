"""Imported before all else by what people start in this folder: an older Python is told so in one line.

Every Python can read this file, and what stands before this import in the others.
"""

import sys

if sys.version_info < (3, 8):
    sys.exit("ollama_stream needs Python 3.8 or newer, and this is %d.%d" % sys.version_info[:2])
