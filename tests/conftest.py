"""What every test file shares: the package is imported from the folder beside this one, installed or not."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
