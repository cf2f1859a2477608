import os
import sys

# A run starts a hundred processes. Without bytecode each of them would compile the project again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
