"""What a studio's machine installs: the `douga` command and the client of the farm. Light: no torch, no OpenCV."""
