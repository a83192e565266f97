"""What every part of Douga agrees on: frames, recipes, manifests, errors and stores.

Light on purpose: nothing here may import torch or OpenCV, not even indirectly.
"""

__version__ = "0.1.0"
