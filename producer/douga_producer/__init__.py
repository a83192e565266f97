"""What a studio's machine installs: the `douga` command and the client of the farm.

Light on purpose: no torch, no OpenCV, not even indirectly.
"""
